import { expect, test } from '@jest/globals'

import type { Digest } from '#core/oci/digest.js'
import type { FetchedFrom } from '#core/store/fetched.js'

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
    expect(await store().origins.isLocal(APP, 'counts')).toBe(true)
    expect(await store().origins.isLocal(APP, 'does not count')).toBe(false)
    await store().origins.publishRevision(APP, one, HUB)
    expect(store().origins.provenance(APP, one)).toMatchObject({ kind: 'fetched' })
  })

  test('a repository is local from the first push into it on', async () => {
    expect(await store().origins.isLocal(APP, 'counts')).toBe(false)
    await store().origins.publishRevision(APP, one, HUB)
    expect(await store().origins.isLocal(APP, 'counts')).toBe(false)
    await putRevision(store(), bytesOf(2))
    expect(await store().origins.isLocal(APP, 'counts')).toBe(true)
    expect(await store().origins.isLocal(OTHER, 'counts')).toBe(false)
  })

  test('a repository has changed when a manifest has come that was not there, and not when one is read', async () => {
    expect(store().origins.changedAt(APP)).toBeUndefined()
    await store().origins.publishRevision(APP, one, HUB)
    const first = store().origins.changedAt(APP)?.getTime() ?? 0
    await store().content.look('revision', APP, one)
    expect(store().origins.changedAt(APP)?.getTime()).toBe(first)
    await putRevision(store(), bytesOf(2))
    expect(store().origins.changedAt(APP)?.getTime()).toBeGreaterThanOrEqual(first)
    const found: Digest[] = []
    for await (const { digest } of store().origins.revisions(APP)) found.push(digest)
    expect(found.toSorted()).toEqual([one, two].toSorted())
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
