import { expect, test } from '@jest/globals'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import type { Rendered } from '#control/front/generations.js'
import {
  CONFIGURATION_ROUTES as HISTORY,
  type ConfigurationRow,
} from '#control/front/configuration.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import type { ApiStage } from '../support/api-stage.js'
import { reached } from '../support/reached.js'
import { describeOn, type OpenStage } from './suite.js'

const REFUSED = { outcome: 'refused', stage: 'nginx -t', reason: 'unknown directive "colour"' } as const

export function testHistory(open: OpenStage): void {
  describeOn('config/history', open, (stage) => {
    test('the start stands in it, as what the box did by itself', async () => {
      const { body } = await stage().api.done(HISTORY.list)
      expect(body['items']).toMatchObject([{ author: 'entrepot', reason: 'start', outcome: 'applied' }])
    })

    test('a change stands in it with its author, its reason and its diff', async () => {
      const { api } = stage()
      await api.done(NGINX.patch, { body: { maxUploadSize: '32g' } })
      const row = await latest(stage())
      expect(row).toMatchObject({
        ...{ author: 'environment', reason: 'settings.nginx.patch nginx', outcome: 'applied' },
      })
      const { body } = await api.done(HISTORY.diff, { path: { id: row.id } })
      expect(body).toMatchObject(row)
      expect(String(body['diff'])).toContain('+maxUploadSize: 32g')
    })

    test('the name of a generation is no difference', async () => {
      const { api } = stage()
      await api.done(UPSTREAMS.put, { path: { host: 'new.example' }, body: {} })
      const { body } = await api.done(HISTORY.diff, { path: { id: (await latest(stage())).id } })
      expect(String(body['diff'])).toContain('registry.yml')
      expect(String(body['diff'])).not.toContain('nginx.conf')
    })

    test('what the box refuses has changed nothing, and is kept with its cause', async () => {
      const { api, box } = stage()
      const [settings, upstreams, accounts] = await Promise.all([
        ...[api.done(NGINX.get), api.done(UPSTREAMS.list), api.done(ACCOUNTS.list)],
      ])
      const audited = (await api.done(AUDIT.list)).body['items']
      box.answer = REFUSED
      const attempts = [
        () => api.refused(NGINX.patch, { body: { maxUploadSize: '1g' } }),
        () => api.refused(UPSTREAMS.put, { path: { host: 'bad.example' }, body: {} }),
        () => api.refused(UPSTREAMS.remove, { path: { host: 'quay.io' } }),
        () => api.refused(ACCOUNTS.create, { body: { name: 'bad' } }),
        () => api.refused(ACCOUNTS.rotate, { path: { name: 'push' } }),
      ]
      for (const attempt of attempts) {
        expect(await attempt()).toMatchObject({
          ...{ status: 422, title: 'The change was tried, and undone' },
          detail: 'nginx -t does not take it: unknown directive "colour"',
        })
        expect(await latest(stage())).toMatchObject({
          ...{ outcome: 'refused', author: 'environment', cause: 'nginx -t: unknown directive "colour"' },
        })
      }
      box.answer = { outcome: 'applied' }
      const after = await api.done(NGINX.get)
      expect(after.body).toEqual(settings?.body)
      expect(after.headers['etag']).toBe(settings?.headers['etag'])
      expect((await api.done(UPSTREAMS.list)).body).toEqual(upstreams?.body)
      expect((await api.done(ACCOUNTS.list)).body).toEqual(accounts?.body)
      expect((await api.done(AUDIT.list)).body['items']).toEqual(audited)
    })

    test('the diff of what was refused is against what is in force', async () => {
      const { api, box } = stage()
      await api.done(NGINX.put, { body: { readTimeout: 100 } })
      box.answer = REFUSED
      await api.refused(NGINX.put, { body: { readTimeout: 200 } })
      await api.refused(NGINX.put, { body: { readTimeout: 300 } })
      box.answer = { outcome: 'applied' }
      const { body } = await api.done(HISTORY.diff, { path: { id: (await latest(stage())).id } })
      expect(String(body['diff'])).toContain('-readTimeout: 100\n+readTimeout: 300')
    })

    test('a rollback brings everything back, as a change like any other', async () => {
      const { api, box } = stage()
      await api.done(UPSTREAMS.put, {
        path: { host: 'kept.example' },
        body: { username: 'a', password: 'b' },
      })
      await api.done(ACCOUNTS.put, { path: { name: 'kept' }, body: {} })
      const { id } = await latest(stage())
      const then = await states(stage())
      const files = filesOf(box.tried.at(-1))
      await api.done(NGINX.put, { body: { maxUploadSize: '1g' } })
      await api.done(UPSTREAMS.remove, { path: { host: 'kept.example' } })
      await api.done(ACCOUNTS.rotate, { path: { name: 'kept' } })
      await api.done(ACCOUNTS.put, { path: { name: 'newer' }, body: {} })
      await api.done(HISTORY.rollback, { path: { id } })
      expect(await states(stage())).toEqual(then)
      expect(filesOf(box.tried.at(-1))).toEqual(files)
      expect(await latest(stage())).toMatchObject({ reason: `config.rollback ${id}`, outcome: 'applied' })
    })

    test('after a rollback no ETag from before it is current', async () => {
      const { api } = stage()
      const { id } = await latest(stage())
      const ifMatch = String((await api.done(NGINX.patch, { body: { readTimeout: 5 } })).headers['etag'])
      await api.done(HISTORY.rollback, { path: { id } })
      const { status } = await api.refused(NGINX.patch, { body: { readTimeout: 6 }, ifMatch })
      expect(status).toBe(412)
    })

    test('a rollback that the box refuses has changed nothing', async () => {
      const { api, box } = stage()
      const { id } = await latest(stage())
      await api.done(NGINX.patch, { body: { readTimeout: 7 } })
      const before = await states(stage())
      box.answer = REFUSED
      expect((await api.refused(HISTORY.rollback, { path: { id } })).status).toBe(422)
      box.answer = { outcome: 'applied' }
      expect(await states(stage())).toEqual(before)
    })

    test('who has heard that a change cannot be made is not tried again when the box refuses what came with it', async () => {
      const { api, box } = stage()
      const name = 'twice'
      let tries: number | undefined
      // They come together when both arrive while the box is busy with the one before.
      for (let attempt = 0; attempt < 20 && tries === undefined; attempt++) {
        const before = box.tried.length
        const { promise, resolve } = Promise.withResolvers<void>()
        box.gate = promise
        const busy = api.refused(NGINX.patch, { body: { readTimeout: 8 } })
        box.answer = REFUSED
        await reached('the first change', () => box.inside === 1)
        const both = [api.call(ACCOUNTS.put, { path: { name }, body: {} })]
        await api.done(NGINX.get)
        both.push(api.call(ACCOUNTS.create, { body: { name } }))
        for (let turn = 0; turn < 3; turn++) await api.done(NGINX.get)
        resolve()
        await busy
        const [put, create] = (await Promise.all(both)).map(({ status }) => status)
        expect(put).toBe(422)
        if (create === 409) tries = box.tried.length - before
      }
      box.answer = { outcome: 'applied' }
      expect(tries).toBe(2)
      expect((await api.refused(ACCOUNTS.get, { path: { name } })).status).toBe(404)
    })

    test('it comes in pages, the newest first', async () => {
      const { api } = stage()
      const first = (await api.done(HISTORY.list, { query: { limit: 2 } })).body
      const second = (await api.done(HISTORY.list, { query: { limit: 2, after: String(first['next']) } }))
        .body
      const ids = [first, second].flatMap(({ items }) => (items as ConfigurationRow[]).map(({ id }) => id))
      expect(ids).toHaveLength(4)
      expect(ids).toEqual(ids.toSorted((a, b) => b - a))
    })

    test('what is no row of it is said to be none', async () => {
      const { api } = stage()
      for (const route of [HISTORY.diff, HISTORY.rollback]) {
        expect((await api.refused(route, { path: { id: 999_999 } })).status).toBe(404)
        expect((await api.refused(route, { path: { id: 'last' } })).detail).toContain('id')
      }
      const { errors } = await api.refused(HISTORY.list, { query: { after: 'yesterday' } })
      expect(errors?.[0]?.field).toBe('after')
    })
  })
}

/** Whatever their generation is called. */
function filesOf({ id, files }: Rendered = { id: '', files: [], secrets: [], probes: [] }) {
  return files.map((file) => ({ ...file, text: file.text.replace(`# ${id}\n`, '') }))
}

async function latest({ api }: ApiStage): Promise<ConfigurationRow> {
  const [row] = (await api.done(HISTORY.list, { query: { limit: 1 } })).body['items'] as ConfigurationRow[]
  if (row === undefined) throw new Error('the history is empty')
  return row
}

async function states({ api }: ApiStage): Promise<unknown> {
  const answers = await Promise.all(
    [NGINX.get, UPSTREAMS.list, ACCOUNTS.list].map((route) => api.done(route)),
  )
  return answers.map(({ body }) => body)
}
