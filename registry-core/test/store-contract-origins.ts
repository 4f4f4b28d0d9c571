import { expect, test } from '@jest/globals'

import type { FetchedFrom, Origins } from '#core/store/fetched.js'

import { APP, bytesOf, digestOf, LATEST, OTHER, putRevision, type StoreBench } from './store-bench.js'

const HUB: FetchedFrom = { host: 'docker.io', etag: '"1"' }
const QUAY: FetchedFrom = { host: 'quay.io', etag: undefined }

/** Where revisions and tags came from. */
export function originTests({ store, another, damage }: StoreBench): void {
  const [one, two] = [digestOf(bytesOf(1)), digestOf(bytesOf(2))]

  test('a revision that a mirror wrote says from where, in every process', async () => {
    expect(store().origins.provenance(APP, one)).toBeUndefined()
    await store().content.commitBytes(one, bytesOf(1))
    await store().origins.publishRevision(APP, one, HUB)
    expect(store().origins.provenance(APP, one)).toMatchObject({ kind: 'fetched', from: HUB })
    expect(await store().content.look('revision', APP, one)).toBeDefined()
    const other = await another()
    expect(other.origins.provenance(APP, one)).toMatchObject({ kind: 'fetched', from: HUB })
    await other.close()
  })

  test('a revision that is fetched again says from where it came last', async () => {
    await store().origins.publishRevision(APP, one, HUB)
    await store().origins.publishRevision(APP, one, QUAY)
    expect(store().origins.provenance(APP, one)).toMatchObject({ kind: 'fetched', from: QUAY })
  })

  test('what a client pushed stays a client\u2019s, whatever a mirror fetches before or after', async () => {
    await store().origins.publishRevision(APP, one, HUB)
    await putRevision(store(), bytesOf(1))
    expect(store().origins.provenance(APP, one)).toEqual({ kind: 'pushed' })
    await store().origins.publishRevision(APP, one, HUB)
    expect(store().origins.provenance(APP, one)).toEqual({ kind: 'pushed' })
    expect(store().links.isPushed(APP, one)).toBe(true)
  })

  test('a revision that nobody says anything of is unknown until it is fetched', async () => {
    const [algorithm = '', hex = ''] = one.split(':')
    await store().origins.publishRevision(APP, one, HUB)
    await damage(
      `docker/registry/v2/repositories/${APP}/_manifests/revisions/${algorithm}/${hex}/upstream`,
      Buffer.from('{'),
    )
    expect(store().origins.provenance(APP, one)).toEqual({ kind: 'unknown' })
    expect(await store().origins.summary(APP)).toMatchObject({ hasUnknown: true, hasPushed: false })
    await store().origins.publishRevision(APP, one, HUB)
    expect(store().origins.provenance(APP, one)).toMatchObject({ kind: 'fetched' })
    expect(await store().origins.summary(APP)).toMatchObject({ hasUnknown: false, hasFetched: true })
  })

  test('the summary of a repository says who put things there, and whose is private', async () => {
    const nothing = { hasPushed: false, hasUnknown: false, hasFetched: false, hasOpen: false }
    expect(await store().origins.summary(APP)).toEqual({ ...nothing, privateHosts: [] })
    await store().origins.publishRevision(APP, one, HUB)
    const fetched = { ...nothing, hasFetched: true, privateHosts: ['docker.io'] }
    expect(await store().origins.summary(APP)).toEqual(fetched)
    await store().origins.publishRevision(APP, two, { ...QUAY, isPublic: true })
    expect(await store().origins.summary(APP)).toEqual({ ...fetched, hasOpen: true })
    await putRevision(store(), bytesOf(3))
    expect(await store().origins.summary(APP)).toEqual({ ...fetched, hasOpen: true, hasPushed: true })
    expect(await store().origins.summary(OTHER)).toEqual({ ...nothing, privateHosts: [] })
    const found = await Array.fromAsync(store().origins.revisions(APP))
    expect(found.map(({ digest }) => digest).toSorted()).toEqual([one, two, digestOf(bytesOf(3))].toSorted())
  })

  test('that a mirror has written to a repository is known in every process, and stays known', async () => {
    await putRevision(store(), bytesOf(3))
    await store().links.publishTag(APP, LATEST, digestOf(bytesOf(3)))
    expect(store().origins.wasMirrored(APP)).toBe(false)
    const other = await another()
    await other.origins.publishRevision(APP, one, HUB)
    expect(store().origins.wasMirrored(APP)).toBe(true)
    await store().links.removeRevision(APP, one)
    expect(other.origins.wasMirrored(APP)).toBe(true)
    expect(store().origins.wasMirrored(OTHER)).toBe(false)
    expect(await other.origins.publishTag(OTHER, LATEST, one, HUB)).toBe(true)
    expect(store().origins.wasMirrored(OTHER)).toBe(true)
    await other.close()
  })

  test('the mark of a mirror of which nothing is there any more says nothing of what lies there', async () => {
    await store().origins.publishRevision(APP, one, HUB)
    await store().links.removeRevision(APP, one)
    const nothing = { hasPushed: false, hasUnknown: false, hasFetched: false, hasOpen: false }
    expect(await store().origins.summary(APP)).toEqual({ ...nothing, privateHosts: [] })
    expect(await Array.fromAsync(store().origins.revisions(APP))).toEqual([])
    await putRevision(store(), bytesOf(3))
    expect(await store().origins.summary(APP)).toMatchObject({ hasPushed: true, privateHosts: [] })
  })

  test('the summary that is kept of what was pushed sees a mirror write into a folder that is there', async () => {
    await putRevision(store(), bytesOf(3))
    const [algorithm = '', hex = ''] = two.split(':')
    const folder = `docker/registry/v2/repositories/${APP}/_manifests/revisions/${algorithm}/${hex}`
    await damage(`${folder}/link`, Buffer.from(two))
    await untilKept(store().origins)
    const other = await another()
    await other.origins.publishRevision(APP, two, QUAY)
    expect(await store().origins.summary(APP)).toMatchObject({ hasPushed: true, privateHosts: ['quay.io'] })
    await other.close()
  })

  test('the summary that is kept of a repository misses nothing that another process fetches or removes', async () => {
    await putRevision(store(), bytesOf(3))
    await untilKept(store().origins)
    const other = await another()
    await other.origins.publishRevision(APP, one, HUB)
    expect(await store().origins.summary(APP)).toMatchObject({ hasPushed: true, privateHosts: ['docker.io'] })
    await untilKept(store().origins)
    await other.links.removeRevision(APP, one)
    expect(await store().origins.summary(APP)).toMatchObject({ hasPushed: true, privateHosts: [] })
    await other.close()
  })

  test('the summary that is kept of a repository has a link that comes later than its folder', async () => {
    await putRevision(store(), bytesOf(3))
    const [algorithm = '', hex = ''] = one.split(':')
    const folder = `docker/registry/v2/repositories/${APP}/_manifests/revisions/${algorithm}/${hex}`
    await damage(`${folder}/started`, Buffer.of())
    await untilKept(store().origins)
    const other = await another()
    await other.origins.publishRevision(APP, one, HUB)
    expect(await store().origins.summary(APP)).toMatchObject({ privateHosts: ['docker.io'] })
    await other.close()
  })

  test('the summary of a repository forgets at once that something was public which this process notes as private', async () => {
    await store().origins.publishRevision(APP, one, { ...HUB, isPublic: true })
    await untilKept(store().origins)
    await store().origins.publishRevision(APP, one, HUB)
    expect(await store().origins.summary(APP)).toMatchObject({ privateHosts: ['docker.io'] })
  })

  test('a mirror\u2019s tag moves with its upstream, and says so in every process', async () => {
    expect(await store().origins.findTag(APP, LATEST)).toBeUndefined()
    expect(await store().origins.publishTag(APP, LATEST, one, HUB)).toBe(true)
    expect(await store().origins.findTag(APP, LATEST)).toMatchObject({ ...HUB, digest: one })
    expect(await store().origins.publishTag(APP, LATEST, two, QUAY)).toBe(true)
    const other = await another()
    expect(await other.origins.findTag(APP, LATEST)).toMatchObject({ ...QUAY, digest: two })
    expect(await other.links.findTag(APP, LATEST)).toBe(two)
    await other.close()
  })

  test('a mirror\u2019s tag that moves is later than before, also within a millisecond', async () => {
    await store().origins.publishTag(APP, LATEST, one, HUB)
    const before = await store().origins.findTag(APP, LATEST)
    await store().origins.publishTag(APP, LATEST, two, HUB)
    const after = await store().origins.findTag(APP, LATEST)
    expect(after?.checkedAt?.getTime()).toBeGreaterThan(before?.checkedAt?.getTime() ?? Infinity)
  })

  test('a client\u2019s tag is never moved by a mirror', async () => {
    await store().links.publishTag(APP, LATEST, one)
    expect(await store().origins.publishTag(APP, LATEST, two, HUB)).toBe(false)
    expect(await store().links.findTag(APP, LATEST)).toBe(one)
    expect(await store().origins.findTag(APP, LATEST)).toBeUndefined()
  })

  test('a mirror\u2019s tag that a client pushes is the client\u2019s, also with the same digest', async () => {
    await store().origins.publishTag(APP, LATEST, one, HUB)
    await store().links.publishTag(APP, LATEST, one)
    expect(await store().origins.findTag(APP, LATEST)).toBeUndefined()
    expect(await store().origins.publishTag(APP, LATEST, two, HUB)).toBe(false)
    expect(await store().links.findTag(APP, LATEST)).toBe(one)
  })

  test('a tag that a client has deleted may be a mirror\u2019s again', async () => {
    await store().links.publishTag(APP, LATEST, one)
    await store().links.removeTag(APP, LATEST)
    expect(await store().origins.publishTag(APP, LATEST, two, HUB)).toBe(true)
    expect(await store().links.removeTag(APP, LATEST)).toBe(true)
    expect(await store().origins.findTag(APP, LATEST)).toBeUndefined()
  })

  test('that an upstream still says the same moves the time of the check forward, of this digest alone', async () => {
    await store().origins.publishTag(APP, LATEST, one, HUB)
    const before = await store().origins.findTag(APP, LATEST)
    await store().origins.noteChecked(APP, LATEST, two)
    expect(await store().origins.findTag(APP, LATEST)).toEqual(before)
    await store().origins.noteChecked(APP, LATEST, one)
    const after = await store().origins.findTag(APP, LATEST)
    expect(after?.checkedAt?.getTime()).toBeGreaterThanOrEqual(
      before?.checkedAt?.getTime() ?? Number.POSITIVE_INFINITY,
    )
    expect(after).toMatchObject({ ...HUB, digest: one })
  })
}

/** When it is answered at once: nobody keeps what may change again within a tick of the file system's clock. */
async function untilKept(origins: Pick<Origins, 'summary'>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (origins.summary(APP) instanceof Promise) {
    if (performance.now() > deadline) throw new Error('the summary is never kept')
    await origins.summary(APP)
  }
}
