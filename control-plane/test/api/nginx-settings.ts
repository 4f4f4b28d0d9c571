import { expect, test } from '@jest/globals'

import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { describeOn, type OpenStage } from './suite.js'

const SHIPPED = {
  ...{ maxUploadSize: '16384m', readTimeout: 900, names: [], anonymousPull: true, mirrorClientCa: '' },
  ...{ virtualHosts: [], virtualHostsPort: 443, virtualHostsHttpPort: 0 },
}

export function testNginxSettings(open: OpenStage): void {
  describeOn('settings/nginx', open, (stage) => {
    test('as shipped it has the defaults', async () => {
      const { body, headers } = await stage().api.done(NGINX.get)
      expect(body).toEqual(SHIPPED)
      expect(headers['etag']).toBe('"0"')
    })

    test('a PUT replaces, and the same PUT again changes nothing of it', async () => {
      const { api, box } = stage()
      const body = { maxUploadSize: '32g', names: ['box.example'] }
      const first = await api.done(NGINX.put, { body })
      const second = await api.done(NGINX.put, { body })
      expect(first.body).toEqual({ ...SHIPPED, ...body })
      expect(second.body).toEqual(first.body)
      expect(box.last('nginx.conf')).toContain('32g')
    })

    test('a PATCH changes what it names, and null is as shipped', async () => {
      const { api } = stage()
      await api.done(NGINX.put, { body: { maxUploadSize: '32g', readTimeout: 60 } })
      const { body } = await api.done(NGINX.patch, { body: { maxUploadSize: null } })
      expect(body).toEqual({ ...SHIPPED, readTimeout: 60 })
    })

    test('what nginx would not take is refused with the field and what is allowed', async () => {
      const { api, box } = stage()
      const before = box.tried.length
      const wrong = { maxUploadSize: '32 gigabytes', readTimeout: 0, names: ['a b'], workers: 4 }
      for (const route of [NGINX.put, NGINX.patch]) {
        const { status, errors } = await api.refused(route, { body: wrong })
        expect(status).toBe(400)
        expect(errors).toEqual([
          { field: 'maxUploadSize', message: expect.stringContaining('16384m') },
          { field: 'readTimeout', message: expect.stringContaining('86400') },
          { field: 'names[0]', message: expect.stringContaining('no host has') },
          { field: 'workers', message: 'there is no such field' },
        ])
      }
      expect(box.tried).toHaveLength(before)
    })

    test('of two who change it at once the later one is told', async () => {
      const { api } = stage()
      const ifMatch = String((await api.done(NGINX.get)).headers['etag'])
      const body = { readTimeout: 120 }
      const both = await Promise.all([
        api.call(NGINX.patch, { body, ifMatch }),
        api.call(NGINX.put, { body, ifMatch }),
      ])
      expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
    })
  })
}
