import { expect } from '@jest/globals'

import { passwordOf, writeHtpasswd } from '../../support/accounts.js'
import { makeImage, randomLayer } from '../../support/images.js'
import { type Answer, expectStatus, RegistryClient } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { readErrors, readRepositories } from './read.js'

/** What checks of rights need besides: who may what is RESTRICTED of support/accounts. */
export interface RestrictedSubject extends Subject {
  /** The file of `auth.htpasswd`. */
  readonly usersFile: string
}

async function actingAs<T>(
  subject: Subject,
  name: string,
  work: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const client = new RegistryClient(subject.target.baseUrl, { headers: passwordOf(name) })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

async function tokenOf({ client }: Subject, name: string, scope: string): Promise<string> {
  const answer = await client.get(`/token?scope=${encodeURIComponent(scope)}`, passwordOf(name))
  return String(Reflect.get(Object(expectStatus(answer, 200).json()), 'token'))
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function claimsOf(token: string): Record<string, unknown> {
  const [, claims = ''] = token.split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
}

function forged(token: string, header: object, claims: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [, , signature = ''] = token.split('.')
  return `${encode(header)}.${encode({ ...claimsOf(token), ...claims })}.${signature}`
}

/** Everything of an answer but what differs between any two requests. */
function wholeOf(answer: Answer): unknown {
  const { date: _date, 'x-request-id': _id, ...headers } = answer.headers
  return { status: answer.status, headers, body: answer.body.toString() }
}

/** What a registry must do in which not everybody may everything; `subject.target` holds an `owner`, a `team` and `idle`. */
export const rightsChecks = [
  check(
    ['attack 14'],
    'the catalog of a narrow user holds what they may pull, and nothing leads past it',
    async (subject) => {
      await actingAs(subject, 'owner', async (owner) => {
        for (const name of ['base/os', 'secret/x', 'team/a', 'team/b', 'zz'])
          await owner.pushImage(name, makeImage({ layers: 0 }), 'x')
      })
      await actingAs(subject, 'team', async (team) => {
        const first = expectStatus(await team.get('/v2/_catalog?n=2'), 200)
        expect(readRepositories(first)).toEqual(['base/os', 'team/a'])
        const rest = expectStatus(await team.get('/v2/_catalog?n=100&last=team/a'), 200)
        expect(readRepositories(rest).every((name) => name.startsWith('team/'))).toBe(true)
        expect(rest.header('link')).toBeUndefined()
      })
    },
  ),
  check(
    ['attack 14'],
    'the catalog is 401 to nobody, and 403 to whoever may pull nothing',
    async (subject) => {
      expectError(await subject.client.get('/v2/_catalog'), 401, 'UNAUTHORIZED')
      await actingAs(subject, 'idle', async (idle) => {
        expectError(await idle.get('/v2/_catalog'), 403, 'DENIED')
      })
    },
  ),
  check(['attack 40'], 'a mount from where one may not pull is an ordinary upload', async (subject) => {
    const layer = randomLayer()
    await actingAs(subject, 'owner', async (owner) => {
      await owner.pushBlob('secret/mount', layer)
      await owner.pushBlob('base/mount', layer)
    })
    await actingAs(subject, 'team', async (team) => {
      const mount = (query: string) =>
        team.post(`/v2/team/mount/blobs/uploads/?mount=${layer.descriptor.digest}${query}`)
      expectStatus(await mount('&from=secret/mount'), 202)
      expectStatus(await mount('&from=secret/absent'), 202)
      expectStatus(await mount(''), 202)
      expectStatus(await mount('&from=base/mount'), 201)
    })
  }),
  check(
    ['attack 43'],
    'an immutable tag takes its own digest again and no other, also from two at once',
    async (subject) => {
      await actingAs(subject, 'team', async (team) => {
        const images = Array.from({ length: 6 }, () => makeImage({ layers: 0 }))
        for (const image of images) await team.pushImage('team/release/app', image)
        const put = (index: number) => {
          const { bytes, descriptor } = images[index]?.manifest ?? makeImage({ layers: 0 }).manifest
          return team.put('/v2/team/release/app/manifests/v1', bytes, {
            'content-type': descriptor.mediaType,
          })
        }
        const answers = await Promise.all(images.map((_, index) => put(index)))
        const winner = answers.findIndex(({ status }) => status === 201)
        expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
        expect(answers.filter(({ status }) => status === 403)).toHaveLength(5)
        expectStatus(await put(winner), 201)
        const refused = await put((winner + 1) % images.length)
        expectError(refused, 403, 'DENIED')
        expect(readErrors(refused.body)[0]?.message).toContain('access.immutable')
        const { descriptor } = await team.pullManifest('team/release/app', 'v1')
        expect(descriptor.digest).toBe(images[winner]?.manifest.descriptor.digest)
      })
    },
  ),
  check(['attack 46'], 'a token that was touched is 401, whatever it says of itself', async (subject) => {
    const token = await tokenOf(subject, 'team', 'repository:team/x:pull')
    const kid = Reflect.get(
      Object(JSON.parse(Buffer.from(token.split('.', 1).join(''), 'base64url').toString())),
      'kid',
    )
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32, 7).toString('base64url') }
    for (const [header, claims] of [
      [{ alg: 'none', kid }, {}],
      [{ alg: 'HS256', kid }, {}],
      [{ alg: 'EdDSA', kid }, { sub: 'owner' }],
      [{ alg: 'EdDSA', kid, jwk }, { sub: 'owner' }],
      [{ alg: 'EdDSA', jku: 'http://127.0.0.1/keys', kid }, {}],
      [{ alg: 'EdDSA', kid }, { aud: 'other' }],
      [{ alg: 'EdDSA', kid }, { iss: 'other' }],
      [{ alg: 'EdDSA', kid }, { exp: 2 ** 33 }],
    ] as const) {
      const answer = await subject.client.get('/v2/team/x/tags/list', bearer(forged(token, header, claims)))
      expectError(answer, 401, 'UNAUTHORIZED')
      expectHeader(answer, 'www-authenticate', /error="invalid_token"/)
    }
  }),
  check(
    ['attack 47'],
    'a user who is taken out of the file is out at once, with their token',
    async (subject) => {
      if (!('usersFile' in subject)) throw new Error('no file of users')
      const file = String(subject.usersFile)
      writeHtpasswd(file, 'guest')
      const token = await tokenOf(subject, 'guest', 'repository:team/x:pull')
      for (const headers of [passwordOf('guest'), bearer(token)])
        expectStatus(await subject.client.get('/v2/', headers), 200)
      writeHtpasswd(file)
      for (const headers of [passwordOf('guest'), bearer(token)])
        expectError(await subject.client.get('/v2/', headers), 401, 'UNAUTHORIZED')
    },
  ),
  check(['attack 48'], 'an unknown user and a wrong password are answered alike', async ({ client }) => {
    for (const target of ['/v2/', '/v2/secret/x/tags/list', '/token']) {
      const wrong = await client.get(target, passwordOf('owner', 'wrong'))
      const unknown = await client.get(target, passwordOf('nobody', 'wrong'))
      expectStatus(wrong, 401)
      expect(wholeOf(unknown)).toEqual(wholeOf(wrong))
    }
    expectStatus(await client.get('/v2/', passwordOf('owner')), 200)
  }),
  check(['attack 48'], 'what is not there and what one may not see are answered alike', async (subject) => {
    const image = makeImage({ layers: 1 })
    await actingAs(subject, 'owner', (owner) => owner.pushImage('secret/seen', image, 'x'))
    const { digest } = image.manifest.descriptor
    for (const name of [undefined, 'team'] as const)
      for (const rest of [
        'tags/list',
        'manifests/x',
        `manifests/${digest}`,
        `blobs/${digest}`,
        `referrers/${digest}`,
      ]) {
        const ask = async (repository: string) =>
          JSON.stringify(
            wholeOf(
              await subject.client.get(
                `/v2/${repository}/${rest}`,
                name === undefined ? {} : passwordOf(name),
              ),
            ),
          ).replaceAll(repository, '')
        expect(await ask('secret/seen')).toBe(await ask('secret/gone'))
      }
  }),
  check(['attack 48'], 'a password of a megabyte is refused', async ({ client }) => {
    const body = `grant_type=password&username=owner&password=${'x'.repeat(1_000_000)}`
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    expectError(await client.post('/token', body, type), 413, 'SIZE_INVALID')
  }),
  check(['429'], 'after ten wrong passwords the right one is 429 with Retry-After', async (subject) => {
    writeHtpasswd(String(Reflect.get(subject, 'usersFile')), 'forgetful')
    const ask = (password?: string) => subject.client.get('/v2/', passwordOf('forgetful', password))
    for (let miss = 0; miss < 10; miss += 1) expectError(await ask(`wrong ${miss}`), 401, 'UNAUTHORIZED')
    const blocked = await ask()
    expectError(blocked, 429, 'TOOMANYREQUESTS')
    expectHeader(blocked, 'retry-after', /^[0-9]{1,3}$/)
    expectStatus(await subject.client.get('/v2/', passwordOf('owner')), 200)
  }),
]
