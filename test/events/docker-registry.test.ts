import { expect, test } from '@jest/globals'

import { type Content, digestOf, manifestOf, MEDIA_TYPES, contentOf } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target } from '../support/targets.js'
import { notifying, type SentEvent, Sink } from './sink.js'

const NEEDS = [{ program: 'docker-registry', debianPackage: 'docker-registry' }]
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The same bytes each time, so that what two registries say of them can be compared. */
const CONFIG = contentOf(Buffer.from('{}'), MEDIA_TYPES.dockerConfig)
const LAYER = contentOf(Buffer.from('a layer'), MEDIA_TYPES.dockerLayer)
const OCI_CONFIG = contentOf(CONFIG.bytes, MEDIA_TYPES.ociConfig)
const OCI_LAYER = contentOf(LAYER.bytes, MEDIA_TYPES.ociLayer)
const IMAGE = image(MEDIA_TYPES.dockerManifest, CONFIG, LAYER, {})
const OCI_IMAGE = image(MEDIA_TYPES.ociManifest, OCI_CONFIG, OCI_LAYER, { annotations: { made: 'here' } })
const LIST = indexOf(MEDIA_TYPES.dockerList, IMAGE)
const OCI_INDEX = indexOf(MEDIA_TYPES.ociIndex, OCI_IMAGE)

function image(mediaType: string, config: Content, layer: Content, further: object): Content {
  const layers = [{ ...layer.descriptor, ...further }]
  return manifestOf({ schemaVersion: 2, mediaType, config: config.descriptor, layers }, mediaType)
}

function indexOf(mediaType: string, child: Content): Content {
  const manifests = [{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }]
  return manifestOf({ schemaVersion: 2, mediaType, manifests }, mediaType)
}

/** Everything that either registry tells of; what one of them refuses stands in the tests of its own. */
async function doEverything(client: RegistryClient): Promise<void> {
  for (const blob of [CONFIG, LAYER, LAYER]) await client.pushBlob('a/b', blob)
  await client.pushBlob('a/b', contentOf(Buffer.from('chunks of it')), { style: 'chunks' })
  for (const [manifest, tag] of [
    [IMAGE, 'docker'],
    [IMAGE, undefined],
    [IMAGE, 'second'],
    [LIST, 'list'],
    [OCI_IMAGE, 'oci'],
    [OCI_INDEX, 'index'],
  ] as const)
    await client.pushManifest('a/b', manifest, tag)
  for (const reference of ['docker', 'list', 'oci', 'index', IMAGE.descriptor.digest])
    await client.pullManifest('a/b', reference)
  const { digest } = IMAGE.descriptor
  const accept = { accept: MEDIA_TYPES.dockerManifest }
  expectStatus(await client.head('/v2/a/b/manifests/docker', accept), 200)
  expectStatus(
    await client.get('/v2/a/b/manifests/docker', { ...accept, 'if-none-match': `"${digest}"` }),
    304,
  )
  expectStatus(await client.get('/v2/a/b/manifests/missing'), 404)
  const blob = `/v2/a/b/blobs/${LAYER.descriptor.digest}`
  expectStatus(await client.get(blob), 200)
  expectStatus(await client.get(blob, { range: 'bytes=1-2' }), 206)
  expectStatus(await client.head(blob), 200)
  const mount = `/v2/c/d/blobs/uploads/?mount=${LAYER.descriptor.digest}&from=a/b`
  for (let times = 0; times < 2; times += 1) expectStatus(await client.post(mount), 201)
  expectStatus(await client.delete(`/v2/c/d/blobs/${LAYER.descriptor.digest}`), 202)
  expectStatus(await client.delete(`/v2/a/b/manifests/${digest}`), 202)
}

/** Pushes of a blob, a manifest …: as many as `doEverything` makes, and what deleting a manifest with two tags adds. */
const EXPECTED = 4 + 6 + 5 + 1 + 3 + 2 + 1 + 3

async function eventsOf(start: typeof startCore): Promise<readonly SentEvent[]> {
  const sink = await Sink.start()
  let target: Target | undefined
  let client: RegistryClient | undefined
  try {
    target = await start({ config: notifying(sink.url) })
    client = new RegistryClient(target.baseUrl, { headers: { 'user-agent': 'a client' } })
    await doEverything(client)
    const events = await sink.until(EXPECTED)
    for (const event of events) expectRightSource(event, target)
    return events.map((event) => comparable(event, target?.baseUrl ?? ''))
  } finally {
    await client?.close()
    await target?.remove()
    await sink.close()
  }
}

/** What must differ from event to event, or from process to process. */
function expectRightSource({ id, timestamp, request, source }: SentEvent, target: Target): void {
  expect(id).toMatch(UUID)
  expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
  expect(Math.abs(Date.parse(timestamp) - performance.timeOrigin - performance.now())).toBeLessThan(60_000)
  expect(request).toMatchObject({ id: expect.stringMatching(UUID), host: `127.0.0.1:${target.port}` })
  expect(request['addr']).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(source['addr']).toMatch(new RegExp(`^[^:]+:${target.port}$`))
  expect(source['instanceID']).toMatch(UUID)
}

/** The event with what differs by nature replaced by its name; every field that is there stays, every other is missed. */
function comparable({ request, source, target, ...event }: SentEvent, baseUrl: string): SentEvent {
  const named = (fields: Readonly<Record<string, string>>, ...names: readonly string[]) =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, names.includes(name) ? `<${name}>` : value]),
    )
  const { url } = target
  return {
    ...event,
    id: '<id>',
    timestamp: '<timestamp>',
    target: { ...target, ...(typeof url === 'string' && { url: url.replace(baseUrl, '<base>') }) },
    request: named(request, 'id', 'addr', 'host'),
    source: named(source, 'addr', 'instanceID'),
  }
}

describeNeeding(NEEDS, 'notifications beside those of docker-registry', () => {
  test('are the same events, field by field, in the same order', async () => {
    const theirs = await eventsOf(startDockerRegistry)
    const ours = await eventsOf(startCore)
    expect(theirs).toHaveLength(EXPECTED)
    expect(ours.map(lineOf)).toEqual(theirs.map(lineOf))
    expect(ours).toEqual(theirs)
    // The order of fields too: people read them.
    expect(ours.map((event) => JSON.stringify(event.target))).toEqual(
      theirs.map((event) => JSON.stringify(event.target)),
    )
  })
})

test('a tag that is deleted, which docker-registry 2.8 cannot, is told as it tells of tags', async () => {
  const sink = await Sink.start()
  const target = await startCore({ config: notifying(sink.url) })
  const client = new RegistryClient(target.baseUrl)
  try {
    for (const blob of [CONFIG, LAYER]) await client.pushBlob('a/b', blob)
    await client.pushManifest('a/b', IMAGE, 'gone')
    expectStatus(await client.delete('/v2/a/b/manifests/gone'), 202)
    const last = (await sink.until(4)).at(-1)
    expect(last).toMatchObject({ action: 'delete', request: { method: 'DELETE' }, actor: {} })
    expect(last?.target).toEqual({ repository: 'a/b', tag: 'gone' })
    expect(digestOf(IMAGE.bytes)).toBe(IMAGE.descriptor.digest)
  } finally {
    await client.close()
    await target.remove()
    await sink.close()
  }
})

function lineOf({ action, target, request }: SentEvent): string {
  return `${request['method']}: ${action} ${JSON.stringify(target)}`
}
