import { verify } from '@node-rs/bcrypt'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import type { RememberingGenerations } from '../support/remembering-generations.js'
import { describeOn, type OpenStage } from './suite.js'

const PUSH = [{ repositories: ['team-web/**'], actions: ['pull', 'push'] }]

export function testAccounts(open: OpenStage): void {
  describeOn('accounts', open, (stage) => {
    test('the first start has one', async () => {
      const { body } = await stage().api.done(ACCOUNTS.list)
      expect(body['items']).toMatchObject([{ name: 'push' }])
    })

    test('one is made with a password that is shown once and that the core will take', async () => {
      const { api, box } = stage()
      const { body } = await api.done(ACCOUNTS.create, { body: { name: 'ci-web', rights: PUSH } })
      expect(body).toMatchObject({ name: 'ci-web', rights: PUSH, registry: 'box.example:5443' })
      expect(await verify(String(body['password']), hashOf(box, 'ci-web'))).toBe(true)
      const read = await api.done(ACCOUNTS.get, { path: { name: 'ci-web' } })
      expect(read.body).not.toHaveProperty('password')
      expect(read.text).not.toContain('$2')
      const again = await api.refused(ACCOUNTS.create, { body: { name: 'ci-web' } })
      expect(again).toMatchObject({
        status: 409,
        detail: 'the account ci-web is there already: change that one, or choose another name',
      })
    })

    test('a PUT makes one and shows its password, the same PUT again keeps that', async () => {
      const { api, box } = stage()
      const sent = { path: { name: 'ci-put' }, body: { rights: PUSH, countsAsPull: false } }
      const first = await api.done(ACCOUNTS.put, sent)
      const hash = hashOf(box, 'ci-put')
      const second = await api.done(ACCOUNTS.put, sent)
      const { password, registry, ...rest } = first.body
      expect(registry).toBe('box.example:5443')
      expect(await verify(String(password), hash)).toBe(true)
      expect(second.body).toEqual(rest)
      expect(hashOf(box, 'ci-put')).toBe(hash)
    })

    test('a new password takes the place of the old one and leaves the rights', async () => {
      const { api, box } = stage()
      const path = { name: 'ci-rotate' }
      const old = (await api.done(ACCOUNTS.put, { path, body: { rights: PUSH } })).body['password']
      const { body } = await api.done(ACCOUNTS.rotate, { path })
      expect(body).toMatchObject({ name: 'ci-rotate', rights: PUSH })
      expect(await verify(String(body['password']), hashOf(box, 'ci-rotate'))).toBe(true)
      expect(await verify(String(old), hashOf(box, 'ci-rotate'))).toBe(false)
    })

    test('a PATCH merges and shows no password', async () => {
      const { api } = stage()
      const path = { name: 'ci-patch' }
      await api.done(ACCOUNTS.put, { path, body: { rights: PUSH, until: '2099-01-31' } })
      const { body } = await api.done(ACCOUNTS.patch, { path, body: { until: null, countsAsPull: false } })
      expect(body).toEqual({ ...path, rights: PUSH, countsAsPull: false, createdAt: body['createdAt'] })
    })

    test('what the core would not take is refused with each field', async () => {
      const { api } = stage()
      const body = { name: 'a:b', rights: [{ repositories: ['**'], actions: ['burn'] }], secretHash: 'x' }
      const { status, errors } = await api.refused(ACCOUNTS.create, { body })
      expect(status).toBe(400)
      expect(errors?.map(({ field }) => field).toSorted()).toEqual([
        'name',
        'rights[0].actions[0]',
        'secretHash',
      ])
      expect((await api.refused(ACCOUNTS.create, { body: {} })).errors?.[0]?.field).toBe('name')
      expect((await api.refused(ACCOUNTS.put, { path: { name: 'x' }, body: [] })).status).toBe(400)
    })

    test('one that was removed is gone from the list and from the file of the core', async () => {
      const { api, box } = stage()
      const path = { name: 'ci/gone' } // a name may hold a slash
      const { headers } = await api.done(ACCOUNTS.put, { path, body: {} })
      expect((await api.refused(ACCOUNTS.remove, { path, ifMatch: '"99"' })).status).toBe(412)
      await api.done(ACCOUNTS.remove, { path, ifMatch: String(headers['etag']) })
      expect(box.last('registry.yml')).not.toContain('ci/gone')
      for (const route of [ACCOUNTS.get, ACCOUNTS.remove, ACCOUNTS.rotate])
        expect((await api.refused(route, { path })).status).toBe(404)
      expect((await api.refused(ACCOUNTS.patch, { path, body: {} })).status).toBe(404)
    })
  })
}

function hashOf(box: RememberingGenerations, name: string): string {
  const { accounts } = parse(box.last('registry.yml')) as {
    readonly accounts: readonly { readonly name: string; readonly secretHash: string }[]
  }
  return accounts.find((account) => account.name === name)?.secretHash ?? ''
}
