import { describe, expect, test } from '@jest/globals'

import {
  CONFIGURATION_ROUTES as HISTORY,
  type ConfigurationRow,
} from '#control/front/configuration.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { openApiStage } from '../support/api-stage.js'

const HOST = 'sealed.example'

/** A box that was restored without the secret key of before. */
export function testOtherKey(freshDatabase: () => Promise<string>): void {
  describe('history of another secret key', () => {
    test('a rollback to what cannot be opened any more is refused, says what to do, and changes nothing', async () => {
      const url = await freshDatabase()
      const before = await openApiStage({ url, key: 1 })
      await before.api.done(UPSTREAMS.put, {
        path: { host: HOST },
        body: { username: 'a', password: 'not to be told' },
      })
      const { items } = (await before.api.done(HISTORY.list, { query: { limit: 1 } })).body
      const [{ id }] = items as readonly [ConfigurationRow]
      await before.api.done(UPSTREAMS.remove, { path: { host: HOST } })
      await before.close()
      const after = await openApiStage({ url, key: 2 })
      try {
        const refused = await after.api.refused(HISTORY.rollback, { path: { id } })
        expect(refused).toMatchObject({
          ...{ status: 422, type: 'urn:entrepot:problem:other-key' },
          detail: expect.stringMatching(/sealed\.example .*ENTREPOT_SECRET_KEY_FILE.* anew/),
        })
        expect((await after.api.refused(UPSTREAMS.get, { path: { host: HOST } })).status).toBe(404)
      } finally {
        await after.close()
      }
    })

    test('what cannot be opened any more keeps no API from starting, and is set anew there', async () => {
      const url = await freshDatabase()
      const before = await openApiStage({ url, key: 1 })
      await before.api.done(UPSTREAMS.put, { path: { host: HOST }, body: { username: 'a', password: 'p' } })
      await before.close()
      const after = await openApiStage({ url, key: 2 })
      try {
        const { body } = await after.api.done(UPSTREAMS.get, { path: { host: HOST } })
        expect(body).toMatchObject({ username: 'a', hasPassword: false })
        const anew = { path: { host: HOST }, body: { username: 'a', password: 'q' } }
        expect((await after.api.done(UPSTREAMS.put, anew)).body).toMatchObject({ hasPassword: true })
        expect(after.box.last(`${HOST}.password`)).toBe('q')
      } finally {
        await after.close()
      }
    })
  })
}
