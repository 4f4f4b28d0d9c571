import { expect } from '@jest/globals'

import { absentDigest, type Algorithm, type Content, randomLayer } from '../../support/images.js'
import { type Answer, expectStatus, locationOf, pathOf, withDigest } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'

interface Mountable {
  readonly from: string
  readonly to: string
  readonly layer: Content
  readonly digest: string
  readonly mount: (query?: string) => Promise<Answer>
}

async function mountable(
  { client, repository }: Subject,
  algorithm: Algorithm = 'sha256',
): Promise<Mountable> {
  const [from, to] = [repository(), repository()]
  const layer = randomLayer(2000, algorithm)
  const { digest } = await client.pushBlob(from, layer)
  return {
    from,
    to,
    layer,
    digest,
    mount: (query = `mount=${digest}&from=${from}`) => client.post(`/v2/${to}/blobs/uploads/?${query}`),
  }
}

/** Throws unless the answer is an ordinary session, by finishing it. */
async function expectSession({ client }: Subject, answer: Answer): Promise<void> {
  expectStatus(answer, 202)
  const { bytes, descriptor } = randomLayer()
  const patched = expectStatus(await client.patch(locationOf(answer), bytes), 202)
  expectStatus(await client.put(withDigest(locationOf(patched), descriptor.digest)), 201)
}

/** Blobs taken over from another repository (end-11). */
export const mountChecks = [
  check(['end-11'], 'a mounted blob is 201 at its own relative path and can be pulled', async (subject) => {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const { to, layer, digest, mount } = await mountable(subject, algorithm)
      const answer = expectStatus(await mount(), 201)
      expect(pathOf(locationOf(answer))).toBe(`/v2/${to}/blobs/${digest}`)
      expectHeader(answer, 'docker-content-digest', digest)
      expect(await subject.client.pullBlob(to, digest)).toEqual(layer.bytes)
    }
  }),
  check(['end-11'], 'the parameters of a mount may be escaped and in any order', async (subject) => {
    const { from, to, layer, digest, mount } = await mountable(subject)
    expectStatus(await mount(`from=${encodeURIComponent(from)}&mount=${encodeURIComponent(digest)}`), 201)
    expect(await subject.client.pullBlob(to, digest)).toEqual(layer.bytes)
  }),
  check(
    ['end-11'],
    'a mounted blob outlives the one it came from, and the other way round',
    async (subject) => {
      const { client } = subject
      const first = await mountable(subject)
      expectStatus(await first.mount(), 201)
      expectStatus(await client.delete(`/v2/${first.from}/blobs/${first.digest}`), 202)
      expect(await client.pullBlob(first.to, first.digest)).toEqual(first.layer.bytes)
      const second = await mountable(subject)
      expectStatus(await second.mount(), 201)
      expectStatus(await client.delete(`/v2/${second.to}/blobs/${second.digest}`), 202)
      expect(await client.pullBlob(second.from, second.digest)).toEqual(second.layer.bytes)
    },
  ),
  check(['end-11'], 'a blob can be mounted into its own repository', async (subject) => {
    const { from, layer, digest } = await mountable(subject)
    const answer = await subject.client.post(`/v2/${from}/blobs/uploads/?mount=${digest}&from=${from}`)
    expectStatus(answer, 201)
    expect(await subject.client.pullBlob(from, digest)).toEqual(layer.bytes)
  }),
  check(['end-11'], 'a mount from where the blob is not is an ordinary session', async (subject) => {
    const { from, to, digest, mount } = await mountable(subject)
    await expectSession(subject, await mount(`mount=${absentDigest()}&from=${from}`))
    await expectSession(subject, await mount(`mount=${digest}&from=${subject.repository()}`))
    await expectSession(subject, await mount(`mount=${digest}&from=${to}`))
    expectStatus(await subject.client.head(`/v2/${to}/blobs/${digest}`), 404)
  }),
  check(['end-11'], 'a mount that names no source is an ordinary session', async (subject) => {
    const { to, digest, mount } = await mountable(subject)
    await expectSession(subject, await mount(`mount=${digest}`))
    await expectSession(subject, await mount(`mount=${absentDigest()}`))
    expectStatus(await subject.client.head(`/v2/${to}/blobs/${digest}`), 404)
  }),
  check(['end-11', 'attack 10'], 'a mount of nonsense is refused or an ordinary session', async (subject) => {
    const { from, digest, mount } = await mountable(subject)
    for (const query of [
      `mount=sha256:x&from=${from}`,
      'mount=&from=',
      `mount=${digest}&from=`,
      `mount=${digest}&from=../${from}`,
    ]) {
      const answer = await mount(query)
      if (answer.status === 202) await expectSession(subject, answer)
      else expectError(answer, 400, 'DIGEST_INVALID', 'NAME_INVALID')
    }
  }),
]
