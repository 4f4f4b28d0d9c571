import { expect, test } from '@jest/globals'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { AUDIT_ROUTES as AUDIT, type AuditRow } from '#control/audit/audit.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { CONFIGURATION_ROUTES as HISTORY } from '#control/front/configuration.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import type { RouteSpec } from '#control/http/route.js'
import { ROUTES } from '#control/routes.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import type { Sent } from '../support/api.js'
import { describeOn, type OpenStage } from './suite.js'

interface Write {
  readonly route: RouteSpec
  readonly sent: Sent
  readonly target: string
}

const host = { host: 'audited.example' }
const name = { name: 'audited' }
/** Every route that writes, in an order in which each has something to change. */
const WRITES: readonly Write[] = [
  { route: UPSTREAMS.put, sent: { path: host, body: { freshFor: '1h' } }, target: host.host },
  { route: UPSTREAMS.patch, sent: { path: host, body: { freshFor: '2h' } }, target: host.host },
  { route: UPSTREAMS.remove, sent: { path: host }, target: host.host },
  { route: ACCOUNTS.create, sent: { body: name }, target: name.name },
  { route: ACCOUNTS.put, sent: { path: name, body: {} }, target: name.name },
  { route: ACCOUNTS.patch, sent: { path: name, body: { countsAsPull: false } }, target: name.name },
  { route: ACCOUNTS.rotate, sent: { path: name }, target: name.name },
  { route: ACCOUNTS.remove, sent: { path: name }, target: name.name },
  { route: TOKENS.create, sent: { body: { ...name, rights: 'read' } }, target: name.name },
  { route: TOKENS.remove, sent: { path: name }, target: name.name },
  { route: NGINX.put, sent: { body: { readTimeout: 60 } }, target: 'nginx' },
  { route: NGINX.patch, sent: { body: { readTimeout: 61 } }, target: 'nginx' },
  { route: HISTORY.rollback, sent: { path: { id: 1 } }, target: '1' },
  { route: BACKUP.backup, sent: { body: {} }, target: 'in the clear' },
]

export function testAudit(open: OpenStage): void {
  describeOn('audit', open, (stage) => {
    test('what the first start has made stands in it', async () => {
      const items = (await stage().api.done(AUDIT.list)).body['items'] as AuditRow[]
      expect(items.map(({ author, action, target }) => `${author} ${action} ${target}`)).toEqual(
        expect.arrayContaining(['entrepot accounts.create push', 'entrepot upstreams.put docker.io']),
      )
    })

    test('every route that writes leaves one row: who, from where, by which request, to what', async () => {
      const { api } = stage()
      // Those of certificates: server-certificate.ts has them, with a PKI; a restore needs a file: backup.test.ts. A check writes nothing.
      const writing = [...ROUTES.values()].filter(
        ({ method, path }) =>
          method !== 'GET' &&
          !path.startsWith('certificates/') &&
          path !== 'restore' &&
          !path.endsWith('/check'),
      )
      expect(new Set(WRITES.map(({ route }) => route))).toEqual(new Set(writing))
      const ids = new Set(((await api.done(AUDIT.list)).body['items'] as AuditRow[]).map(({ id }) => id))
      for (const [at, { route, sent, target }] of WRITES.entries()) {
        const headers = { 'x-real-ip': '192.0.2.7', 'x-request-id': `write-${at}` }
        await api.done(route, { ...sent, headers })
        const rows = ((await api.done(AUDIT.list)).body['items'] as AuditRow[]).filter(
          ({ id }) => !ids.has(id),
        )
        expect(rows).toMatchObject([
          { author: 'environment', address: '192.0.2.7', requestId: `write-${at}`, target },
        ])
        ids.add(rows[0]?.id ?? '')
      }
    })

    test('a row tells what it was before, and after', async () => {
      const { api } = stage()
      const path = { host: 'changed.example' }
      await api.done(UPSTREAMS.put, { path, body: { freshFor: '1h' } })
      await api.done(UPSTREAMS.put, { path, body: { freshFor: '2h' } })
      await api.done(UPSTREAMS.remove, { path })
      const { body } = await api.done(AUDIT.list, { query: { target: path.host } })
      const shown = (freshFor: string) => ({ ...path, freshFor, hasPassword: false })
      expect(body['items']).toMatchObject([
        { action: 'upstreams.remove', before: shown('2h'), after: null },
        { action: 'upstreams.put', before: shown('1h'), after: shown('2h') },
        { action: 'upstreams.put', before: null, after: shown('1h') },
      ])
    })

    test('it is asked by author, in pages', async () => {
      const { api } = stage()
      const { body } = await api.done(AUDIT.list, { query: { author: 'environment', limit: 3 } })
      const next = await api.done(AUDIT.list, {
        query: { author: 'environment', limit: 1000, after: String(body['next']) },
      })
      const rows = [body, next.body].flatMap(({ items }) => items as AuditRow[])
      expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
      expect(new Set(rows.map(({ author }) => author))).toEqual(new Set(['environment']))
      expect((await api.done(AUDIT.list, { query: { author: 'nobody' } })).body).toEqual({ items: [] })
      expect((await api.refused(AUDIT.list, { query: { after: 'x' } })).errors?.[0]?.field).toBe('after')
    })

    test('a request without an id, or with a strange one, gets one of ours', async () => {
      const { api } = stage()
      const headers = { 'x-request-id': 'a b\tc' }
      const { instance } = await api.refused(UPSTREAMS.get, { path: { host: 'none.example' }, headers })
      expect(instance).toMatch(/^urn:entrepot:request:[0-9a-f-]{36}$/)
    })
  })
}
