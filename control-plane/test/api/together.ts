import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Client } from 'pg'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { type ApiStage, openApiStage } from '../support/api-stage.js'
import { reached } from '../support/reached.js'

const BAD = 'broken'

/** Changes that came while another one was tried, and are tried as one. */
export function testTogether(freshDatabase: () => Promise<string>): void {
  describe('changes that are tried together', () => {
    let stage: ApiStage | undefined
    beforeAll(async () => {
      const url = await freshDatabase()
      const client = new Client({ connectionString: url })
      await client.connect()
      await client.query(`ALTER TABLE "account" ADD CHECK ("name" <> '${BAD}')`)
      await client.end()
      stage = await openApiStage({ url })
    })
    afterAll(async () => stage?.close())

    test('one that breaks before the box is asked is of nobody else', async () => {
      const { box, api } = opened(stage)
      expect(
        await together(opened(stage), [
          () => api.call(ACCOUNTS.put, { path: { name: 'good-1' }, body: {} }),
          () => api.call(ACCOUNTS.put, { path: { name: BAD }, body: {} }),
          () => api.call(ACCOUNTS.put, { path: { name: 'good-2' }, body: {} }),
        ]),
      ).toEqual([200, 500, 200])
      expect(box.last('registry.yml')).toMatch(/good-1[^]*good-2/)
    })

    test('one that breaks what makes the files, or the box, is of nobody else', async () => {
      const { box, api } = opened(stage)
      const render = box.render.bind(box)
      box.render = async (intent) => {
        if (intent.upstreams.some(({ host }) => host === `${BAD}.example`)) throw new RangeError('too deep')
        return render(intent)
      }
      expect(
        await together(opened(stage), [
          () => api.call(UPSTREAMS.put, { path: { host: 'good.example' }, body: {} }),
          () => api.call(UPSTREAMS.put, { path: { host: `${BAD}.example` }, body: {} }),
          () => api.call(NGINX.patch, { body: { readTimeout: 77 } }),
        ]),
      ).toEqual([200, 500, 200])
      expect(box.last('registry.yml')).toContain('good.example')
      expect(box.last('nginx.conf')).toContain('77')
      expect((await api.refused(UPSTREAMS.get, { path: { host: `${BAD}.example` } })).status).toBe(404)
    })
  })
}

function opened(stage: ApiStage | undefined): ApiStage {
  if (stage === undefined) throw new Error('asked before the tests began')
  return stage
}

/** Their answers; they come while the box is busy with another change. */
async function together(
  { api, box }: ApiStage,
  changes: readonly (() => Promise<{ readonly status: number }>)[],
): Promise<readonly number[]> {
  const { promise, resolve } = Promise.withResolvers<void>()
  box.gate = promise
  const busy = api.done(NGINX.patch, { body: { readTimeout: 8 } })
  await reached('the first change', () => box.inside === 1)
  const calls = changes.map((change) => change())
  for (let turn = 0; turn < 5; turn++) await api.done(NGINX.get)
  resolve()
  await busy
  return (await Promise.all(calls)).map(({ status }) => status)
}
