import { expect } from '@jest/globals'

import { makeImage, randomLayer } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import { expectStatus } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectRaw } from './expect-answer.js'
import { readErrors, readTags } from './read.js'

function get(target: string, ...headers: readonly string[]): string {
  return lines(`GET ${target} HTTP/1.1`, 'Host: registry', ...headers, 'Connection: close')
}

/** Throws unless every target is refused as a bad request, each on a connection of its own. */
async function expectRefused({ raw }: Subject, targets: readonly string[], code?: string): Promise<void> {
  for (const target of targets) {
    const exchange = await raw(get(target), { answers: 1 })
    const { status, body } = exchange.answers[0] ?? { status: 0, body: Buffer.alloc(0) }
    if (status !== 400)
      throw new Error(`GET ${JSON.stringify(target)} answered ${status}, not 400: ${body.toString()}`)
    if (code !== undefined) expect(readErrors(body)[0]?.code).toBe(code)
  }
}

async function pushedRepository({ client, repository }: Subject): Promise<string> {
  const name = repository()
  await client.pushImage(name, makeImage({ layers: 1 }), 'x')
  return name
}

/** The raw request target: one strict grammar, and nothing that the next hop may read otherwise. */
export const grammarChecks = [
  check(['attack 1'], 'an escaped slash in a name is 400 NAME_INVALID', async (subject) => {
    const name = await pushedRepository(subject)
    for (const slash of ['%2F', '%2f']) {
      const escaped = name.replace('/', slash)
      const targets = [`/v2/${escaped}/manifests/x`, `/v2/${escaped}/tags/list`, `/v2/a${slash}b/manifests/x`]
      await expectRefused(subject, targets, 'NAME_INVALID')
    }
  }),
  check(['attack 1'], 'no other escape than the colon of a digest is taken in a path', async (subject) => {
    const name = await pushedRepository(subject)
    const targets = [
      `/v2/${name.replace('c', '%63')}/tags/list`,
      `/v2/${name}/manifests/%78`,
      `/v2/${name}/tags%2Flist`,
      `/%76%32/${name}/tags/list`,
      `/v2%2F${name}/tags/list`,
      `/v2/${name}/manifests/x%3Aa`,
    ]
    for (const target of targets) {
      const { answers } = await subject.raw(get(target), { answers: 1 })
      expect([400, 404]).toContain(answers[0]?.status)
    }
  }),
  check(['attack 2'], 'a path that climbs is 400, escaped or not', async (subject) => {
    const name = await pushedRepository(subject)
    const targets = [
      `/admin/%2e%2e/v2/${name}/tags/list`,
      `/v2/x/../../admin`,
      `/v2/x/../${name}/tags/list`,
      `/v2/${name}/tags/../tags/list`,
      `/v2/${name}/manifests/..`,
      `/v2/../v2/`,
      `/..`,
      `/v2/%2E%2E/%2E%2E/etc/passwd`,
      `/v2/${name}/blobs/uploads/../../manifests/x`,
    ]
    await expectRefused(subject, targets)
  }),
  check(['attack 3'], 'an empty or one-dot part is 400', async (subject) => {
    const name = await pushedRepository(subject)
    const targets = [
      '//v2/',
      `//v2/${name}/tags/list`,
      `/v2//${name}/tags/list`,
      `/v2/${name}//tags/list`,
      `/v2/${name}/tags//list`,
      `/v2/./${name}/tags/list`,
      `/v2/${name}/./tags/list`,
      `/./v2/`,
      `/v2/.`,
      '///',
    ]
    await expectRefused(subject, targets)
  }),
  check(['attack 4'], 'a semicolon is 400', async (subject) => {
    const name = await pushedRepository(subject)
    const targets = [
      `/v2/${name};x=1/tags/list`,
      `/v2/${name}/manifests/x;y`,
      `/v2/${name};/../../b/tags/list`,
      `/v2/${name}/tags/list;x`,
      `/v2;x/${name}/tags/list`,
    ]
    await expectRefused(subject, targets)
  }),
  check(['attack 5'], 'a character that some hop reads otherwise is 400', async (subject) => {
    const name = await pushedRepository(subject)
    const odd = [
      '#',
      '%23',
      '%3F',
      '\\',
      '%5C',
      '%00',
      '%0d%0a',
      '%0a',
      '%25xx',
      '%252e',
      '\xe9',
      '%C3%A9',
      '%20',
    ]
    const targets = [
      ...odd,
      '"',
      '<',
      '>',
      '^',
      '`',
      '{',
      '|',
      '}',
      '%',
      '%2',
      '%zz',
      '\x7f',
      '\x01',
    ].flatMap((character) => [`/v2/${name}${character}/manifests/x`, `/v2/${name}/manifests/x${character}`])
    await expectRefused(subject, targets)
  }),
  check(['attack 5'], 'a fragment is 400 wherever it stands', async (subject) => {
    const name = await pushedRepository(subject)
    await expectRefused(subject, ['/v2/#', `/v2/${name}/tags/list#`, `/v2/${name}/tags/list?n=1#x`, '/#/v2/'])
  }),
  check(['attack 5'], 'a split request line is one bad request', async (subject) => {
    const name = await pushedRepository(subject)
    for (const target of [`/v2/ ${name}/tags/list`, `/v2/${name}/tags/list HTTP/1.1 x`, `/v2/\t${name}`]) {
      const { answers } = await subject.raw(get(target), { answers: 2, waitMs: 1000 })
      expect(answers.map(({ status }) => status)).toEqual([400])
    }
  }),
  check(['attack 5'], 'a query of odd characters never breaks out of its value', async (subject) => {
    const name = await pushedRepository(subject)
    const odd = ['%00', '%0d%0aX-Evil:%201', '%zz', '%', '\\', '%25', '&&', '=', '%C3%28', "'", '%2e%2e%2f']
    for (const value of odd) {
      const { answers } = await subject.raw(get(`/v2/${name}/tags/list?last=${value}`), { answers: 1 })
      expect([200, 400]).toContain(answers[0]?.status)
      expect(answers[0]?.header('x-evil')).toBeUndefined()
    }
  }),
  check(['attack 2', 'attack 5'], 'a target of 10,000 characters is refused', async (subject) => {
    for (const target of [`/v2/${'a/'.repeat(5000)}tags/list`, `/v2/a/manifests/${'x'.repeat(10_000)}`]) {
      expectRaw(await subject.raw(get(target), { answers: 1 }), 400, 404, 414, 431)
    }
    const long = `/v2/a/tags/list?last=${'x'.repeat(60_000)}`
    expectRaw(await subject.raw(get(long), { answers: 1 }), 400, 414, 431)
  }),
  check(['attack 17'], 'an absolute target for another host is 400', async (subject) => {
    const name = await pushedRepository(subject)
    for (const target of [
      'http://evil.example/v2/',
      `http://evil.example/v2/${name}/tags/list`,
      'https://evil.example/v2/',
    ]) {
      expectRaw(await subject.raw(get(target), { answers: 1 }), 400)
    }
  }),
  check(['attack 17'], 'a forged Host changes no answer', async (subject) => {
    const name = await pushedRepository(subject)
    for (const host of ['evil.example', 'quay.io', '127.0.0.1:1', '[::1]', 'UPPER.example:5000']) {
      const request = (method: string, target: string): string =>
        lines(`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Content-Length: 0', 'Connection: close')
      const started = expectRaw(
        await subject.raw(request('POST', `/v2/${name}/blobs/uploads/`), { answers: 1 }),
        202,
      )
      expect(started.header('location')).toMatch(new RegExp(`^/v2/${name}/blobs/uploads/`))
      const tags = expectRaw(await subject.raw(request('GET', `/v2/${name}/tags/list`), { answers: 1 }), 200)
      expect(tags.body.toString()).toContain('"x"')
    }
  }),
  check(
    ['attack 21'],
    'headers that a proxy would set have no effect when a client sends them',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const layer = randomLayer()
      const { digest } = await client.pushBlob(name, layer)
      await client.pushImage(name, makeImage(), 'x')
      const forged = {
        'x-accel-redirect': '/etc/passwd',
        'x-sendfile': '/etc/passwd',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-prefix': '/evil',
        'x-forwarded-for': '10.0.0.1',
        'x-real-ip': '10.0.0.1',
        forwarded: 'for=10.0.0.1;host=evil.example;proto=https',
        'x-original-url': '/v2/_catalog',
        'x-rewrite-url': '/v2/_catalog',
        'x-http-method-override': 'DELETE',
        'x-entrepot-view': 'upstream',
        'x-entrepot-upstream': 'quay.io',
      }
      const blob = expectStatus(await client.get(`/v2/${name}/blobs/${digest}`, forged), 200)
      expect(blob.body).toEqual(layer.bytes)
      expect(readTags(expectStatus(await client.get(`/v2/${name}/tags/list`, forged), 200))).toEqual(['x'])
      const started = expectStatus(await client.post(`/v2/${name}/blobs/uploads/`, '', forged), 202)
      expect(started.header('location')).toMatch(new RegExp(`^/v2/${name}/blobs/uploads/`))
    },
  ),
]
