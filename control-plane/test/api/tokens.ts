import { expect, test } from '@jest/globals'

import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { includes, type Right, RIGHTS } from '#control/access/right.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { ROUTES } from '#control/routes.js'
import type { ApiStage } from '../support/api-stage.js'
import { describeOn, type OpenStage } from './suite.js'

const MINUTE_MS = 60_000
const GUARDED = [...ROUTES.values()].flatMap((route) =>
  route.needs === 'nobody' ? [] : [{ ...route, needs: route.needs }],
)

export function testTokens(open: OpenStage): void {
  describeOn('admin tokens', open, (stage) => {
    test('one is shown once, works, and is listed without itself', async () => {
      const { api } = stage()
      const { body } = await api.done(TOKENS.create, { body: { name: 'grafana', rights: 'read' } })
      await api.as(String(body['token'])).done(HEALTH.get)
      const { text } = await api.done(TOKENS.list)
      expect(JSON.parse(text)['items']).toContainEqual({
        ...{ id: body['id'], name: 'grafana', rights: 'read', createdAt: body['createdAt'] },
      })
      expect(text).not.toContain(String(body['token']))
      expect(text).not.toContain('argon2')
    })

    test.each(RIGHTS)('a token with the right "%s" may do what needs that or less', async (right) => {
      const { api } = stage()
      const limited = api.as(await makeToken(stage(), `may-${right}`, right))
      for (const route of GUARDED) {
        const path = { host: 'none.example', name: 'none', id: 999_999, system: 'docker' }
        const { status, body } = await limited.call(route, { path })
        const refusal = `it needs a token with the right "${route.needs}", this one has "${right}"`
        const mayIt = includes(right, route.needs)
        expect({ ...route, mayIt: status !== 403 }).toEqual({ ...route, mayIt })
        expect(body['detail'] === refusal).toBe(!mayIt)
      }
    })

    test('nothing is answered without a token, or with what is none', async () => {
      const { api } = stage()
      for (const route of GUARDED) {
        const { status, headers } = await api.refused(route, { token: null })
        expect({ status, asks: headers['www-authenticate'] }).toEqual({
          ...{ status: 401, asks: 'Bearer realm="entrepot"' },
        })
      }
      const basic = { authorization: 'Basic YWRtaW46YWRtaW4=' }
      expect((await api.refused(HEALTH.get, { token: null, headers: basic })).status).toBe(401)
    })

    test('after ten wrong tokens none is looked at for a minute, from that address', async () => {
      const { api, clock } = stage()
      const from = (address: string) => ({ headers: { 'x-real-ip': address } })
      const wrong = { token: 'entrepot_000000000000_wrong', ...from('192.0.2.1') }
      for (let guess = 0; guess < 10; guess++) expect((await api.refused(HEALTH.get, wrong)).status).toBe(401)
      const { status, headers } = await api.refused(HEALTH.get, wrong)
      expect(status).toBe(429)
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      const good = await makeToken(stage(), 'late', 'read')
      expect((await api.refused(HEALTH.get, { token: good, ...from('192.0.2.1') })).status).toBe(429)
      await api.done(HEALTH.get, { token: good, ...from('192.0.2.2') })
      clock.move(MINUTE_MS)
      await api.done(HEALTH.get, { token: good, ...from('192.0.2.1') })
    })

    test('thirty guesses at once are no more than ten', async () => {
      const { api } = stage()
      const guess = { token: 'wrong', headers: { 'x-real-ip': '192.0.2.30' } }
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, at) => api.refused(HEALTH.get, { ...guess, token: `wrong${at}` })),
      )
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(10)
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(20)
    })

    test('thirty right ones at once are no guesses', async () => {
      const { api } = stage()
      const token = await makeToken(stage(), 'crowd', 'read')
      const sent = { token, headers: { 'x-real-ip': '192.0.2.40' } }
      await Promise.all(Array.from({ length: 30 }, () => api.done(HEALTH.get, sent)))
    })

    test('one that has ended is wrong, also while it is remembered', async () => {
      const { api, clock } = stage()
      const until = new Date(clock.now().getTime() + 30_000).toISOString()
      const token = await makeToken(stage(), 'short', 'read', until)
      await api.done(HEALTH.get, { token })
      clock.move(30_000)
      expect(await api.refused(HEALTH.get, { token })).toMatchObject({
        status: 401,
        detail:
          'the token is unknown, has ended, or was taken back: send another, or start the box with ENTREPOT_ADMIN_TOKEN',
      })
    })

    test('one that was taken back is wrong at once', async () => {
      const { api } = stage()
      const token = await makeToken(stage(), 'brief', 'read')
      await api.done(HEALTH.get, { token })
      await api.done(TOKENS.remove, { path: { name: 'brief' } })
      expect((await api.refused(HEALTH.get, { token })).status).toBe(401)
      expect((await api.refused(TOKENS.remove, { path: { name: 'brief' } })).status).toBe(404)
    })

    test('of two that get one name at once, one is made', async () => {
      const { api } = stage()
      const body = { name: 'twice', rights: 'read' }
      const both = await Promise.all([api.call(TOKENS.create, { body }), api.call(TOKENS.create, { body })])
      expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409])
    })

    test('a wrong one is refused with each field', async () => {
      const body = { name: '', rights: 'root', until: 'tomorrow', hash: 'x' }
      const { errors } = await stage().api.refused(TOKENS.create, { body })
      expect(errors?.map(({ field }) => field)).toEqual(['name', 'rights', 'until', 'hash'])
    })
  })
}

async function makeToken(stage: ApiStage, name: string, rights: Right, until?: string): Promise<string> {
  const { body } = await stage.api.done(TOKENS.create, {
    body: { name, rights, ...(until !== undefined && { until }) },
  })
  return String(body['token'])
}
