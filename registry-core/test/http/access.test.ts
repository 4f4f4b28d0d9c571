import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { account, accessSettings, basic, right } from '../access/parts.js'
import { randomBlob, startEdge, type TestAnswer, type TestEdge } from './edge.js'

const ci = { authorization: basic('ci') }
const all = { authorization: basic('all') }
const settings = {
  accounts: [
    account('all', [right('**')]),
    account('ci', [right('team/**', 'pull', 'push'), right('base/*', 'pull')]),
    account('idle', []),
  ],
}

let edge: TestEdge

beforeAll(async () => {
  edge = await startEdge({ anonymous: 'none', access: settings })
})
afterAll(() => edge.close())

function challengeOf(answer: TestAnswer): string {
  return String(answer.headers['www-authenticate'])
}

async function tokenFor(name: string | undefined, ...scopes: readonly string[]): Promise<string> {
  const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&')
  const headers = name === undefined ? {} : { authorization: basic(name) }
  const answer = await edge.send('GET', `/token?service=entrepot&${query}`, { headers })
  expect(answer.status).toBe(200)
  const { token } = JSON.parse(answer.body.toString()) as { token: string }
  return `Bearer ${token}`
}

describe('the base', () => {
  test('asks for a login, and names where on the host that was asked', async () => {
    const answer = await edge.send('GET', '/v2/', { headers: { host: 'registry.example.com:5000' } })
    expect([answer.status, answer.code]).toEqual([401, 'UNAUTHORIZED'])
    expect(challengeOf(answer)).toBe(
      'Bearer realm="http://registry.example.com:5000/token",service="entrepot"',
    )
  })

  test.each(['evil"', 'a b', 'a/b', '\u00e4', 'a,b', ''])('does not repeat %j as a host', async (host) => {
    const text = challengeOf(await edge.send('GET', '/v2/', { headers: { host } }))
    expect(text).toBe(`Bearer realm="http://127.0.0.1:${edge.port}/token",service="entrepot"`)
  })

  test('believes the scheme of nginx, and of nobody else', async () => {
    const headers = { host: 'a', 'x-forwarded-proto': 'https', 'x-entrepot-view': 'registry' }
    expect(challengeOf(await edge.send('GET', '/v2/', { headers, behindNginx: true }))).toContain(
      '"https://a/token"',
    )
    expect(challengeOf(await edge.send('GET', '/v2/', { headers }))).toContain('"http://a/token"')
  })

  test('is 200 for whoever is known, by password or token', async () => {
    for (const authorization of [basic('ci'), await tokenFor('ci')])
      expect((await edge.send('GET', '/v2/', { headers: { authorization } })).status).toBe(200)
  })

  test.each([basic('ci', 'wrong'), basic('nobody'), 'Basic x', 'Bearer x', 'Digest x'])(
    'is 401 with %s, and says how to do better',
    async (authorization) => {
      const answer = await edge.send('GET', '/v2/', { headers: { authorization } })
      expect([answer.status, answer.code]).toEqual([401, 'UNAUTHORIZED'])
      expect(challengeOf(answer)).toContain('Bearer realm=')
    },
  )
})

describe('a repository', () => {
  test('asks nobody to log in for what anybody may, and asks for the scope of what they may not', async () => {
    const own = await startEdge({ anonymous: 'pull', access: settings })
    expect((await own.send('GET', '/v2/')).status).toBe(401)
    expect((await own.send('GET', '/v2/team/app/tags/list')).code).toBe('NAME_UNKNOWN')
    const scopes = {
      'POST /v2/team/app/blobs/uploads/': 'repository:team/app:pull,push',
      'POST /v2/team/app/blobs/uploads/?mount=sha256:MOUNT&from=base/os':
        'repository:team/app:pull,push repository:base/os:pull',
      'DELETE /v2/team/app/manifests/x': 'repository:team/app:delete',
      'PUT /v2/team/app/manifests/x': 'repository:team/app:pull,push',
    }
    for (const [line, scope] of Object.entries(scopes)) {
      const [method = '', path = ''] = line.replace('MOUNT', 'a'.repeat(64)).split(' ')
      const answer = await own.send(method, path)
      expect([line, answer.status, answer.code]).toEqual([line, 401, 'UNAUTHORIZED'])
      expect(challengeOf(answer)).toContain(`scope="${scope}"`)
    }
    const wrong = await own.send('GET', '/v2/team/app/tags/list', {
      headers: { authorization: basic('ci', 'x') },
    })
    expect(wrong.status).toBe(401)
    await own.close()
  })

  test('is denied to an account without the right, and is then as one that is not there', async () => {
    await edge.send('POST', '/v2/secret/app/blobs/uploads/', { headers: all })
    const answers: string[] = []
    for (const name of ['secret/app', 'nothing/app']) {
      const answer = await edge.send('GET', `/v2/${name}/tags/list`, { headers: ci })
      expect([answer.status, answer.code]).toEqual([403, 'DENIED'])
      expect(answer.headers['www-authenticate']).toBeUndefined()
      answers.push(answer.body.toString().replaceAll(name, ''))
    }
    expect(answers[0]).toBe(answers[1])
  })

  test('is open to its account, as far as its rights go', async () => {
    const send = (method: string, path: string) => edge.send(method, path, { headers: ci })
    expect((await send('POST', '/v2/team/app/blobs/uploads/')).status).toBe(202)
    expect((await send('POST', '/v2/base/os/blobs/uploads/')).status).toBe(403)
    expect((await send('GET', '/v2/base/os/tags/list')).status).toBe(404)
    expect((await send('DELETE', '/v2/team/app/manifests/x')).status).toBe(403)
  })

  test('takes a token for what it was made for', async () => {
    const narrow = { authorization: await tokenFor('ci', 'repository:team/app:pull') }
    const refused = await edge.send('POST', '/v2/team/app/blobs/uploads/', { headers: narrow })
    expect([refused.status, refused.code]).toEqual([401, 'UNAUTHORIZED'])
    expect(challengeOf(refused)).toContain('scope="repository:team/app:pull,push",error="insufficient_scope"')
    const wide = { authorization: await tokenFor('ci', 'repository:team/app:pull,push') }
    expect((await edge.send('POST', '/v2/team/app/blobs/uploads/', { headers: wide })).status).toBe(202)
    expect((await edge.send('GET', '/v2/base/os/tags/list', { headers: wide })).status).toBe(401)
  })
})

describe('/token', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  test('answers a form with a password as it answers Basic', async () => {
    const body = new URLSearchParams({
      ...{ grant_type: 'password', username: 'ci', password: 'ci-password', client_id: 'buildkit' },
      ...{ service: 'entrepot', scope: 'repository:team/app:pull,push repository:base/os:pull' },
    }).toString()
    const answer = await edge.send('POST', '/token', { headers: form, body })
    expect(answer.status).toBe(200)
    const said = JSON.parse(answer.body.toString()) as Record<string, string>
    expect(said).toMatchObject({
      expires_in: 300,
      scope: 'repository:team/app:pull,push repository:base/os:pull',
    })
    expect(said['access_token']).toBe(said['token'])
    expect(Date.parse(said['issued_at'] ?? '')).not.toBeNaN()
    const headers = { authorization: `Bearer ${said['access_token']}` }
    expect((await edge.send('POST', '/v2/team/app/blobs/uploads/', { headers })).status).toBe(202)
  })

  test('refuses a wrong password, and whoever comes without one where nobody may anything', async () => {
    const wrong = await edge.send('GET', '/token', { headers: { authorization: basic('ci', 'x') } })
    expect([wrong.status, wrong.code]).toEqual([401, 'UNAUTHORIZED'])
    expect((await edge.send('GET', '/token')).status).toBe(401)
    const body = 'grant_type=password&username=ci&password=x'
    expect((await edge.send('POST', '/token', { headers: form, body })).status).toBe(401)
    expect((await edge.send('GET', '/token?username=ci&password=ci-password')).status).toBe(401)
  })

  test.each([
    ['grant_type=refresh_token&refresh_token=x', form, 400],
    ['grant_type=password', form, 400],
    ['', form, 400],
    ['{}', { 'content-type': 'application/json' }, 400],
    [`grant_type=password&username=ci&password=${'x'.repeat(1_000_000)}`, form, 413],
    [`grant_type=password&username=ci&password=ci-password&scope=${'a:b:c+'.repeat(101)}`, form, 400],
  ])('answers the form %.40s with a sentence', async (body, headers, status) => {
    const answer = await edge.send('POST', '/token', { headers, body })
    expect([answer.status, answer.code]).toEqual([status, status === 413 ? 'SIZE_INVALID' : 'UNSUPPORTED'])
  })

  test('makes no token that is longer than what the registry takes, and every other one counts', async () => {
    const scopes = (count: number) =>
      Array.from({ length: count }, (_, n) => `repository:team/${'x'.repeat(245)}${n}:pull,push`).join(' ')
    const ask = (count: number) =>
      edge.send('POST', '/token', {
        headers: form,
        body: `grant_type=password&username=ci&password=ci-password&scope=${encodeURIComponent(scopes(count))}`,
      })
    const refused = await ask(100)
    expect([refused.status, refused.code]).toEqual([400, 'UNSUPPORTED'])
    expect(refused.body.toString()).toContain('longer than the 32768 bytes that are taken; ask for fewer')
    const granted = await ask(75)
    const { token } = JSON.parse(granted.body.toString()) as { token: string }
    expect(token.length).toBeGreaterThan(30_000)
    const headers = { authorization: `Bearer ${token}` }
    expect((await edge.send('GET', '/v2/', { headers })).status).toBe(200)
  })

  test('is not there where nobody has an account', async () => {
    const open = await startEdge()
    expect((await open.send('GET', '/token')).status).toBe(404)
    expect((await open.send('GET', '/v2/', { headers: { authorization: basic('any') } })).status).toBe(200)
    await open.close()
  })

  test('makes tokens for anybody where anybody may pull', async () => {
    const own = await startEdge({ anonymous: 'pull', access: settings })
    const answer = await own.send('GET', '/token?scope=repository:team/app:pull,push')
    const { token, scope } = JSON.parse(answer.body.toString()) as Record<string, string>
    expect(scope).toBe('repository:team/app:pull')
    const headers = { authorization: `Bearer ${token}` }
    expect((await own.send('GET', '/v2/', { headers })).status).toBe(200)
    expect((await own.send('GET', '/v2/team/app/tags/list', { headers })).status).toBe(404)
    const push = await own.send('POST', '/v2/team/app/blobs/uploads/', { headers })
    expect([push.status, push.code]).toEqual([401, 'UNAUTHORIZED'])
    await own.close()
  })
})

test('whoever logs in may still pull what anybody may, with a password and with a token', async () => {
  const own = await startEdge({ anonymous: 'pull', access: settings })
  const blob = randomBlob(10)
  const target = `/v2/other/app/blobs/uploads/?digest=${blob.digest}`
  await own.send('POST', target, { headers: all, body: blob.bytes })
  const asked = await own.send('GET', '/token?service=entrepot&scope=repository:other/app:pull,push', {
    headers: ci,
  })
  const { token } = JSON.parse(asked.body.toString()) as { token: string }
  for (const authorization of [ci.authorization, `Bearer ${token}`]) {
    const path = `/v2/other/app/blobs/${blob.digest}`
    expect((await own.send('GET', path, { headers: { authorization } })).status).toBe(200)
  }
  expect((await own.send('POST', target, { headers: ci, body: blob.bytes })).status).toBe(403)
  await own.close()
})

describe('the catalog', () => {
  test('lists what the caller may pull, and its pages lead past what they may not see', async () => {
    const own = await startEdge({ anonymous: 'none', access: settings })
    const names = ['a/hidden', 'base/os', 'base/x/hidden', 'hidden', 'team/a', 'team/b', 'team/c', 'z']
    const blob = randomBlob(10)
    for (const name of names)
      await own.send('POST', `/v2/${name}/blobs/uploads/?digest=${blob.digest}`, {
        headers: all,
        body: blob.bytes,
      })
    const visible = ['base/os', 'team/a', 'team/b', 'team/c']
    for (const n of [1, 2, 3, 4, 100]) {
      const seen: string[] = []
      let path: string | undefined = `/v2/_catalog?n=${n}`
      while (path !== undefined) {
        const answer: TestAnswer = await own.send('GET', path, { headers: ci })
        const { repositories } = JSON.parse(answer.body.toString()) as { repositories: string[] }
        seen.push(...repositories)
        const link = answer.headers['link']
        expect(String(link ?? '')).not.toContain('hidden')
        path = typeof link === 'string' ? /<(.*)>/.exec(link)?.[1] : undefined
      }
      expect([n, seen]).toEqual([n, visible])
    }
    await own.close()
  })

  test('asks for a login, denies whoever may pull nothing, and wants a token that was made for it', async () => {
    const answer = await edge.send('GET', '/v2/_catalog')
    expect([answer.status, challengeOf(answer)]).toEqual([
      401,
      expect.stringContaining('scope="registry:catalog:*"'),
    ])
    expect(
      (await edge.send('GET', '/v2/_catalog', { headers: { authorization: basic('idle') } })).status,
    ).toBe(403)
    const narrow = await tokenFor('ci', 'repository:team/app:pull')
    expect((await edge.send('GET', '/v2/_catalog', { headers: { authorization: narrow } })).status).toBe(401)
    const forAll = await tokenFor('ci', 'registry:catalog:*')
    expect((await edge.send('GET', '/v2/_catalog', { headers: { authorization: forAll } })).status).toBe(200)
  })
})

describe('a mount', () => {
  test('from where one may not pull is an ordinary upload', async () => {
    const own = await startEdge({ anonymous: 'none', access: settings })
    const blob = randomBlob(10)
    for (const name of ['secret/app', 'base/os'])
      await own.send('POST', `/v2/${name}/blobs/uploads/?digest=${blob.digest}`, {
        headers: all,
        body: blob.bytes,
      })
    const mount = (from: string) =>
      own.send('POST', `/v2/team/app/blobs/uploads/?mount=${blob.digest}&from=${from}`, { headers: ci })
    expect((await mount('secret/app')).status).toBe(202)
    expect((await mount('base/os')).status).toBe(201)
    await own.close()
  })
})

test('the account stands in the log and the journal', async () => {
  await edge.send('GET', '/v2/', { headers: ci })
  expect(edge.outcomes.at(-1)?.peer.caller.account).toBe('ci')
})

test('settings that are replaced count from the next request on', async () => {
  const own = await startEdge({ anonymous: 'none', access: settings })
  expect((await own.send('GET', '/v2/', { headers: ci })).status).toBe(200)
  own.access.replace(accessSettings({ anonymous: ['pull', 'pull'], accounts: [account('other', [])] }))
  expect((await own.send('GET', '/v2/', { headers: ci })).status).toBe(401)
  expect((await own.send('GET', '/v2/team/app/tags/list')).status).toBe(404)
  await own.close()
})
