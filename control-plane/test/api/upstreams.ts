import { expect, test } from '@jest/globals'

import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { describeOn, type OpenStage } from './suite.js'

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

export function testUpstreams(open: OpenStage): void {
  describeOn('upstreams', open, (stage) => {
    test('the first start has those that are mirrored as shipped', async () => {
      const { body } = await stage().api.done(UPSTREAMS.list)
      expect(body['items']).toHaveLength(6)
      expect(body['items']).toContainEqual({ host: 'docker.io', hasPassword: false })
    })

    test('a PUT adds one, and the same PUT again changes nothing of it', async () => {
      const { api } = stage()
      const sent = { path: { host: 'gitlab.example' }, body: { freshFor: '1h', ca: PEM } }
      const first = await api.done(UPSTREAMS.put, sent)
      const second = await api.done(UPSTREAMS.put, sent)
      const read = await api.done(UPSTREAMS.get, { path: sent.path })
      expect(first.body).toEqual({ host: 'gitlab.example', freshFor: '1h', ca: PEM, hasPassword: false })
      expect(second.body).toEqual(first.body)
      expect(read.body).toEqual(first.body)
      expect(read.headers['etag']).toBe(second.headers['etag'])
      expect(stage().box.last('registry.yml')).toContain('gitlab.example')
    })

    test('a new one stands behind all others, also after one was taken out', async () => {
      const { api, box } = stage()
      for (const host of ['order-1.example', 'order-2.example'])
        await api.done(UPSTREAMS.put, { path: { host }, body: {} })
      await api.done(UPSTREAMS.remove, { path: { host: 'order-1.example' } })
      await api.done(UPSTREAMS.put, { path: { host: 'order-0.example' }, body: {} })
      const file = box.last('registry.yml')
      expect(file.indexOf('order-0.example')).toBeGreaterThan(file.indexOf('order-2.example'))
    })

    test('its state is told as the core sees it', async () => {
      const { body } = await stage().api.done(UPSTREAMS.state, { path: { host: 'docker.io' } })
      expect(body).toMatchObject({ host: 'docker.io', breaker: 'closed' })
      const missing = await stage().api.refused(UPSTREAMS.state, { path: { host: 'nowhere.example' } })
      expect(missing.status).toBe(404)
    })

    test('a check goes the way of a pull, and says where it ends', async () => {
      const { api } = stage()
      const path = { host: 'down.example' }
      await api.done(UPSTREAMS.put, {
        path,
        body: { urls: ['http://127.0.0.1:65533'], allowAddresses: ['127.0.0.0/8'] },
      })
      const { body } = await api.done(UPSTREAMS.check, { path })
      expect(body).toMatchObject({ isFine: false, urls: [{ url: 'http://127.0.0.1:65533' }] })
      expect(JSON.stringify(body)).toContain('"step":"TCP","isFine":false')
    })

    test('a PUT replaces, a PATCH merges and null takes away', async () => {
      const { api } = stage()
      const path = { host: 'merge.example' }
      await api.done(UPSTREAMS.put, { path, body: { freshFor: '1h', maxConnections: 4 } })
      const merged = await api.done(UPSTREAMS.patch, { path, body: { freshFor: null, expose: 'public' } })
      expect(merged.body).toEqual({ ...path, maxConnections: 4, expose: 'public', hasPassword: false })
      const replaced = await api.done(UPSTREAMS.put, { path, body: { freshFor: '2h' } })
      expect(replaced.body).toEqual({ ...path, freshFor: '2h', hasPassword: false })
    })

    test('its password can be written and not be read, and a PUT without it keeps it', async () => {
      const { api, box } = stage()
      const path = { host: 'secret.example' }
      const body = { username: 'robot', password: 'hunter2-canary' }
      const made = await api.done(UPSTREAMS.put, { path, body })
      const kept = await api.done(UPSTREAMS.put, { path, body: { username: 'robot', freshFor: '1h' } })
      const patched = await api.done(UPSTREAMS.patch, { path, body: { freshFor: '2h' } })
      for (const { text } of [made, kept, patched, await api.done(UPSTREAMS.get, { path })]) {
        expect(text).not.toContain('hunter2')
        expect(JSON.parse(text)).toMatchObject({ username: 'robot', hasPassword: true })
      }
      expect(box.last('secret.example.password')).toBe(body.password)
      const without = await api.done(UPSTREAMS.put, { path, body: {} })
      expect(without.body['hasPassword']).toBe(false)
      const { detail } = await api.refused(UPSTREAMS.put, { path, body: { username: 'robot' } })
      expect(detail).toContain('password')
    })

    test('a password that a file could not give back is refused, and any other printable one is kept as it is', async () => {
      const { api, box } = stage()
      const path = { host: 'printable.example' }
      for (const password of ['a\0b', 'a\n', '\r', '\ud800', 'a\tb', 'a\u2028'])
        expect(
          (await api.refused(UPSTREAMS.put, { path, body: { username: 'robot', password } })).errors,
        ).toEqual([{ field: 'password', message: expect.stringContaining('printable') }])
      const proxied = { path, body: { proxy: 'http://user:a%0A@proxy.example:3128' } }
      expect((await api.refused(UPSTREAMS.put, proxied)).errors?.[0]?.field).toBe('proxy')
      const password = ' grün "🔑" \\ $& '
      await api.done(UPSTREAMS.put, { path, body: { username: 'robot', password } })
      expect(box.last('printable.example.password')).toBe(password)
    })

    test('a password that is kept is not sent to whoever is named afterwards', async () => {
      const { api } = stage()
      const path = { host: 'moved.example' }
      const body = { username: 'robot', password: 'hunter2', urls: ['https://a.example'] }
      await api.done(UPSTREAMS.put, { path, body })
      const elsewhere = { username: 'robot', urls: ['https://evil.example'] }
      for (const route of [UPSTREAMS.put, UPSTREAMS.patch])
        expect((await api.refused(route, { path, body: elsewhere })).errors).toEqual([
          { field: 'password', message: 'to be sent again, with another urls' },
        ])
      for (const body of [{ allowAddresses: ['127.0.0.0/8'] }, { proxy: 'http://p:3128', noProxy: ['*'] }])
        expect((await api.refused(UPSTREAMS.patch, { path, body })).errors).toEqual([
          {
            field: 'password',
            message: `to be sent again, with another ${Object.keys(body).join(', ')}`,
          },
        ])
      await api.done(UPSTREAMS.put, { path, body: { ...elsewhere, password: 'other' } })
      await api.done(UPSTREAMS.patch, { path, body: { maxConnections: 2 } })
    })

    test('the password in a proxy can be written and not be read, and *** keeps it', async () => {
      const { api, box } = stage()
      const path = { host: 'proxied.example' }
      const shown = 'http://user:***@proxy.example:3128'
      const made = await api.done(UPSTREAMS.put, {
        ...{ path, body: { proxy: 'http://user:proxy%20canary@proxy.example:3128/' } },
      })
      const kept = await api.done(UPSTREAMS.put, { path, body: { proxy: shown, freshFor: '1h' } })
      const patched = await api.done(UPSTREAMS.patch, { path, body: { freshFor: '2h' } })
      for (const { body } of [made, kept, patched, await api.done(UPSTREAMS.get, { path })])
        expect(body).toMatchObject({ proxy: shown, hasPassword: false })
      expect(box.last('proxied.example.proxy-password')).toBe('proxy canary')
      expect(box.last('registry.yml')).not.toContain('canary')
      await api.done(UPSTREAMS.put, { path, body: {} })
      expect(box.last('proxied.example.proxy-password')).toBe('')
    })

    test('the password of a proxy goes to no other proxy, and none is made of three stars', async () => {
      const { api } = stage()
      const path = { host: 'proxied.example' }
      const refusal = [{ field: 'proxy', message: 'its password to be sent again, in the place of ***' }]
      const none = { path, body: { proxy: 'http://user:***@proxy.example:3128' } }
      expect((await api.refused(UPSTREAMS.put, none)).errors).toEqual(refusal)
      await api.done(UPSTREAMS.put, { path, body: { proxy: 'http://user:p@proxy.example:3128' } })
      for (const body of [
        { proxy: 'http://user:***@evil.example:3128' },
        { proxy: 'http://other:***@proxy.example:3128' },
        { dns: ['192.0.2.1'] },
        { ca: PEM },
      ])
        expect((await api.refused(UPSTREAMS.patch, { path, body })).errors).toEqual(refusal)
      const file = { proxyPasswordFile: '/etc/shadow' }
      expect((await api.refused(UPSTREAMS.patch, { path, body: file })).errors?.[0]?.field).toBe(
        'proxyPasswordFile',
      )
      expect(
        (await api.refused(UPSTREAMS.patch, { path, body: { proxy: 'http://u:50%@p:3128' } })).detail,
      ).toContain('%25')
    })

    test('a host with a port is called as it was written, in every call', async () => {
      const { api } = stage()
      const path = { host: 'localhost:5005' }
      const put = await api.done(UPSTREAMS.put, { path, body: { freshFor: '1h' } })
      const again = await api.done(UPSTREAMS.put, { path, body: { freshFor: '1h' } })
      expect(again.body).toEqual(put.body)
      expect(again.headers['etag']).not.toBe(put.headers['etag'])
      expect((await api.done(UPSTREAMS.get, { path })).body).toEqual(put.body)
      await api.done(UPSTREAMS.remove, { path })
      expect((await api.refused(UPSTREAMS.get, { path })).status).toBe(404)
    })

    test('what the core would not take is refused with each field and what is allowed', async () => {
      const { api } = stage()
      const body = { maxConnections: 0, freshForever: true, passwordFile: '/etc/shadow', ca: '/etc/ssl' }
      const { status, errors = [] } = await api.refused(UPSTREAMS.put, {
        path: { host: 'wrong.example' },
        body,
      })
      expect(status).toBe(400)
      expect(errors).toEqual(
        expect.arrayContaining([
          { field: 'maxConnections', message: 'a number from 1 to 1000' },
          { field: 'freshForever', message: 'there is no such field' },
          { field: 'passwordFile', message: expect.stringContaining('send password') },
          { field: 'ca', message: expect.stringContaining('PEM') },
        ]),
      )
      const other = await api.refused(UPSTREAMS.put, {
        path: { host: 'a.example' },
        body: { host: 'b.example' },
      })
      expect(other.errors).toEqual([{ field: 'host', message: 'a.example, as in the path, or nothing' }])
      expect((await api.refused(UPSTREAMS.get, { path: { host: 'wrong.example' } })).status).toBe(404)
    })

    test('a private key, or other PEM, beside the certificates is refused and shown to nobody', async () => {
      const { api } = stage()
      const path = { host: 'keyed.example' }
      const key = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n'
      await api.done(UPSTREAMS.put, { path, body: { ca: `# a company\n${PEM}${PEM}` } })
      for (const more of [key, key.replaceAll('PRIVATE', 'EC PRIVATE'), '-----BEGIN PKCS7-----\n'])
        for (const ca of [PEM + more, more + PEM])
          expect((await api.refused(UPSTREAMS.patch, { path, body: { ca } })).errors).toEqual([
            { field: 'ca', message: expect.stringContaining('certificates alone') },
          ])
      expect((await api.done(UPSTREAMS.get, { path })).text).not.toContain('KEY')
    })

    test('who changes what somebody else has changed meanwhile is told so', async () => {
      const { api } = stage()
      const path = { host: 'quay.io' }
      const { headers } = await api.done(UPSTREAMS.get, { path })
      const ifMatch = String(headers['etag'])
      await api.done(UPSTREAMS.patch, { path, ifMatch, body: { freshFor: '1h' } })
      for (const route of [UPSTREAMS.patch, UPSTREAMS.put, UPSTREAMS.remove])
        expect(
          await api.refused(route, { path, ifMatch, ...('body' in route && { body: {} }) }),
        ).toMatchObject({
          status: 412,
          detail: expect.stringContaining('read it again'),
        })
      const fresh = String((await api.done(UPSTREAMS.get, { path })).headers['etag'])
      await api.done(UPSTREAMS.remove, { path, ifMatch: `"7777", ${fresh}` })
    })

    test('one that is gone cannot be changed or removed', async () => {
      const { api } = stage()
      const path = { host: 'nowhere.example' }
      expect((await api.refused(UPSTREAMS.remove, { path })).status).toBe(404)
      expect((await api.refused(UPSTREAMS.patch, { path, body: {} })).status).toBe(404)
    })

    test('lists come in pages, and one after the other they hold everything once', async () => {
      const { api } = stage()
      for (const at of [1, 2, 3, 4, 5])
        await api.done(UPSTREAMS.put, { path: { host: `page${at}.example` }, body: {} })
      const all = (await api.done(UPSTREAMS.list)).body['items']
      const paged: unknown[] = []
      for (let after: string | undefined = ''; after !== undefined; ) {
        const query = { limit: 2, ...(after !== '' && { after }) }
        const { body } = await api.done(UPSTREAMS.list, { query })
        paged.push(...(body['items'] as unknown[]))
        after = body['next'] as string | undefined
      }
      expect(paged).toEqual(all)
    })

    test('a page is asked with known words and in bounds', async () => {
      const { api } = stage()
      for (const query of [{ limit: 0 }, { limit: 1001 }, { limit: 'many' }, { sort: 'host' }] as const) {
        const { status, errors } = await api.refused(UPSTREAMS.list, {
          query: query as Record<string, string>,
        })
        expect({ status, field: errors?.[0]?.field }).toEqual({ status: 400, field: Object.keys(query)[0] })
      }
    })
  })
}
