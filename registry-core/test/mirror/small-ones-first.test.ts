import { expect, test } from '@jest/globals'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { digestOf } from '../store-bench.js'
import { join, KIB, largeBytes, Machine, settle } from './download-bench.js'
import { ALPINE } from './mirror-of-script.js'
import { answer } from './scripted-server.js'
import { open, settingsFor, useServer } from './upstream/opened.js'

const BLOBS = [3000, 2000, 10].map((kib, seed) => largeBytes(seed, kib * KIB))
const DIGESTS = BLOBS.map((blob) => digestOf(blob))

const server = useServer()

/** An image with these blobs; the last is its configuration. */
function manifestOf(blobs: readonly Buffer[]): Buffer {
  const descriptors = blobs.map((blob) => ({
    mediaType: 'application/octet-stream',
    digest: digestOf(blob),
    size: blob.length,
  }))
  const config = descriptors.at(-1)
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: descriptors.slice(0, -1) }),
  )
}

/** In which order three blobs are fetched by one connection: the first is under way when the others are asked for. */
async function orderOf(named: NamedContent): Promise<readonly (number | undefined)[]> {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
  const { promise: hasBegun, resolve: begin } = Promise.withResolvers<void>()
  const paths = DIGESTS.map((digest) => `/v2/library/alpine/blobs/${digest}`)
  for (const [at, path] of paths.entries())
    server.play(path, (request, response) => {
      if (at === 0) begin()
      const isHeld = at === 0 ? mayEnd : Promise.resolve()
      void isHeld.then(() => answer(200, {}, BLOBS[at])(request, response))
    })
  const { upstream } = open(settingsFor([server.url], { maxConnections: 1 }), {
    sizeOf: (digest) => named.sizeOf(digest),
  })
  const core = await new Machine().start()
  const [first, ...others] = DIGESTS
  const clients = first === undefined ? [] : [join(core, upstream, first)]
  await hasBegun
  for (const digest of others) {
    clients.push(join(core, upstream, digest))
    await settle()
  }
  end()
  for (const client of clients) expect(await client.ended).toBe('whole')
  const asked = server.asked.map((line) => paths.findIndex((path) => line === `GET ${path}`))
  return asked.filter((at) => at >= 0).map((at) => (BLOBS[at]?.length ?? 0) / KIB)
}

test('a configuration does not wait for the layers of its image, once a client has had the manifest', async () => {
  const named = new NamedContent()
  const bytes = manifestOf(BLOBS)
  named.note(ALPINE.stored, { digest: digestOfBytes('sha256', bytes), bytes })
  expect(await orderOf(named)).toEqual([3000, 10, 2000])
})

test('blobs of which no manifest says anything come in the order in which they were asked for', async () => {
  expect(await orderOf(new NamedContent())).toEqual([3000, 2000, 10])
})

test('names and sizes of many blobs take bounded memory', () => {
  const named = new NamedContent()
  const digests = Array.from({ length: 20_001 }, (_, number) => digestOf(Buffer.from(`${number}`)))
  for (const from of [0, 15_000]) {
    const config = { mediaType: 'a/b', digest: digests[from], size: 1 }
    const layers = digests.slice(from + 1, from + 15_000).map((digest) => ({ ...config, digest }))
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
    named.note(ALPINE.stored, { digest: digestOfBytes('sha256', bytes), bytes })
  }
  expect(digests.filter((digest) => named.sizeOf(digest) !== undefined)).toEqual(digests.slice(1))
  const isNamed = (digest: Digest): boolean => named.isNamed(ALPINE.stored, 'blob', digest)
  expect(digests.filter(isNamed)).toEqual(digests.slice(1))
})

test('bytes that are no manifest say nothing', () => {
  const named = new NamedContent()
  const bytes = Buffer.from('[')
  expect(() => named.note(ALPINE.stored, { digest: digestOfBytes('sha256', bytes), bytes })).not.toThrow()
})
