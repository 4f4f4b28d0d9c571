import { expect, test } from '@jest/globals'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import {
  CONFIGURATION_ROUTES as HISTORY,
  type ConfigurationRow,
} from '#control/front/configuration.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { ADMIN_TOKEN, type ApiStage } from '../support/api-stage.js'
import { describeOn, type OpenStage } from './suite.js'

const CANARY = 'canary "quoted"\\ of the upstream'

export function testSecrets(open: OpenStage): void {
  describeOn('secrets', open, (stage) => {
    test('no password, token or hash stands in an answer, the audit, the history or the log', async () => {
      const { api, box, log } = stage()
      const shownOnce = await makeSecrets(stage())
      const texts = [...log]
      for (const route of [ACCOUNTS.list, TOKENS.list, AUDIT.list, UPSTREAMS.list, NGINX.get, HEALTH.get])
        texts.push((await api.done(route)).text)
      const history = (await api.done(HISTORY.list)).body['items'] as ConfigurationRow[]
      for (const { id } of history) texts.push((await api.done(HISTORY.diff, { path: { id } })).text)
      for (const word of [...shownOnce, ADMIN_TOKEN, 'canary', '$2b$', '$2y$', '$argon2'])
        expect(texts.filter((text) => text.includes(word))).toEqual([])
      expect(box.last('registry.yml')).toContain('$2y$') // it was there to be found
      expect(box.last('secrets.example.password')).toBe(CANARY)
      expect(box.last('secrets.example.proxy-password')).toBe('canary-of-the-proxy')
    })

    test('the diff tells that a password was changed, and not which', async () => {
      const { api } = stage()
      await api.done(ACCOUNTS.rotate, { path: { name: 'account-of-secrets' } })
      const [row] = (await api.done(HISTORY.list, { query: { limit: 1 } })).body[
        'items'
      ] as ConfigurationRow[]
      const { body } = await api.done(HISTORY.diff, { path: { id: row?.id ?? 0 } })
      expect(String(body['diff'])).toMatch(/-.*secretHash: .*hidden[^]*\+.*secretHash: .*hidden/)
    })

    test('the log of a failure tells the statement of the database, and not its values', async () => {
      const { api, box, log } = stage()
      box.apply = async () => {
        throw Object.assign(new Error('broken box'), {
          parameters: [CANARY],
          driverError: { detail: CANARY },
        })
      }
      const { status, detail } = await api.refused(UPSTREAMS.put, {
        ...{ path: { host: 'secrets.example' }, body: { username: 'robot', password: CANARY } },
      })
      expect({ status, detail }).toEqual({ status: 500, detail: 'the log tells more, by the request id' })
      expect(log.join('')).toContain('broken box')
      expect(log.join('')).not.toContain('canary "')
      expect(log.join('')).not.toContain('canary \\"')
    })
  })
}

/** Does everything that has to do with a secret, well and badly. Answers those that were shown once. */
async function makeSecrets({ api, box }: ApiStage): Promise<readonly string[]> {
  const name = 'account-of-secrets'
  const account = { path: { name } }
  const made = await api.done(ACCOUNTS.create, { body: { name } })
  const rotated = await api.done(ACCOUNTS.rotate, account)
  const proxy = 'http://user:canary-of-the-proxy@proxy.example:3128'
  const upstream = {
    ...{ path: { host: 'secrets.example' }, body: { username: 'robot', password: CANARY, proxy } },
  }
  await api.done(UPSTREAMS.put, upstream)
  await api.done(UPSTREAMS.patch, { ...upstream, body: { password: CANARY } })
  await api.refused(UPSTREAMS.put, { ...upstream, body: { ...upstream.body, colour: 'red' } })
  await api.refused(UPSTREAMS.put, { ...upstream, body: { password: CANARY } })
  await api.refused(ACCOUNTS.create, { body: { name: 'x', password: CANARY } })
  box.answer = { outcome: 'refused', stage: 'probe', reason: 'it was told to' }
  await api.refused(UPSTREAMS.put, upstream)
  await api.refused(ACCOUNTS.rotate, account)
  box.answer = { outcome: 'applied' }
  const token = (await api.done(TOKENS.create, { body: { name: 'shown', rights: 'admin' } })).body['token']
  await api.as(String(token)).done(HEALTH.get)
  const wrong = 'entrepot_0123456789ab_wrong'
  await api.refused(HEALTH.get, { token: wrong })
  return [made.body['password'], rotated.body['password'], token, wrong].map(String)
}
