import { expect, test } from '@jest/globals'

import { parseRepositoryName } from '#core/oci/repository.js'
import { parseTag } from '#core/oci/reference.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'

import {
  APP,
  bytesOf,
  digestOf,
  LATEST,
  OTHER,
  putLayer,
  putRevision,
  type StoreBench,
} from './store-bench.js'

/** Repositories, tags, revisions, referrers. */
export function linkTests({ store, another }: StoreBench): void {
  test('a repository is known from its first blob on', async () => {
    expect(store().links.hasRepository(APP)).toBe(false)
    await putLayer(store(), bytesOf(1))
    expect(store().links.hasRepository(APP)).toBe(true)
    expect(await store().links.repositories(undefined, 10)).toEqual([APP])
  })

  test('repositories come in order, a name before those below it, from any place on', async () => {
    const names = ['a', 'a/b', 'a/b/c', 'a-b', 'b'].map((name) => parseRepositoryName(name))
    for (const name of names) await putLayer(store(), bytesOf(1), name)
    const all = await store().links.repositories(undefined, 100)
    expect(new Set(all)).toEqual(new Set(names))
    for (const [index, name] of all.entries())
      expect(await store().links.repositories(name, 2)).toEqual(all.slice(index + 1, index + 3))
    expect(all.indexOf(names[0] ?? APP)).toBeLessThan(all.indexOf(names[1] ?? APP))
  })

  test('a tag stands for the digest it was published with last', async () => {
    const [one, two] = [await putRevision(store(), bytesOf(1)), await putRevision(store(), bytesOf(2))]
    expect(await store().links.findTag(APP, LATEST)).toBeUndefined()
    await store().links.publishTag(APP, LATEST, one)
    await store().links.publishTag(APP, LATEST, two)
    expect(await store().links.findTag(APP, LATEST)).toBe(two)
    expect(await store().links.tagsOf(APP, one)).toEqual([])
    expect(await store().links.tagsOf(APP, two)).toEqual([LATEST])
    const other = await another()
    expect(await other.links.findTag(APP, LATEST)).toBe(two)
    await other.close()
  })

  test('tags come sorted by byte and page by page; a repository without any has none', async () => {
    expect(await store().links.tags(APP, undefined, 10)).toBeUndefined()
    const digest = await putRevision(store(), bytesOf(1))
    expect(await store().links.tags(APP, undefined, 10)).toEqual({ tags: [], more: false })
    for (const tag of ['b', 'B', 'a.1', 'a', '_']) await store().links.publishTag(APP, parseTag(tag), digest)
    expect(await store().links.tags(APP, undefined, 10)).toEqual({
      tags: ['B', '_', 'a', 'a.1', 'b'],
      more: false,
    })
    expect(await store().links.tags(APP, '_', 2)).toEqual({ tags: ['a', 'a.1'], more: true })
    expect(await store().links.tags(APP, 'zz', 2)).toEqual({ tags: [], more: false })
    expect(await store().links.tags(APP, undefined, 0)).toEqual({ tags: [], more: true })
  })

  test('a removed tag is gone, and was there once', async () => {
    await store().links.publishTag(APP, LATEST, await putRevision(store(), bytesOf(1)))
    expect(await store().links.removeTag(APP, LATEST)).toBe(true)
    expect(await store().links.removeTag(APP, LATEST)).toBe(false)
    expect(await store().links.findTag(APP, LATEST)).toBeUndefined()
    expect(await store().links.tags(APP, undefined, 10)).toEqual({ tags: [], more: false })
  })

  test('a tag is taken only while it is what the condition says', async () => {
    const [one, two] = [await putRevision(store(), bytesOf(1)), await putRevision(store(), bytesOf(2))]
    await store().links.publishTag(APP, LATEST, one)
    expect(await store().links.takeTag(APP, LATEST, { digest: two, linkedAtMs: 0 })).toBe('changed')
    expect(await store().links.takeTag(APP, LATEST, { digest: one, linkedAtMs: 1 })).toBe('changed')
    expect(await store().links.findTag(APP, LATEST)).toBe(one)
  })

  test('a removed revision takes its tags with it, and no others', async () => {
    const [one, two] = [await putRevision(store(), bytesOf(1)), await putRevision(store(), bytesOf(2))]
    await store().links.publishTag(APP, LATEST, one)
    await store().links.publishTag(APP, parseTag('also'), one)
    await store().links.publishTag(APP, parseTag('other'), two)
    expect(await store().links.removeRevision(APP, one)).toBe(true)
    expect(await store().links.removeRevision(APP, one)).toBe(false)
    expect(await store().links.tags(APP, undefined, 10)).toEqual({ tags: ['other'], more: false })
    expect(await store().content.look('revision', APP, one)).toBeUndefined()
    expect(await store().content.look('revision', APP, two)).toBeDefined()
  })

  test('a removed blob stays in other repositories', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    await store().links.publishLayer(OTHER, digest, digest)
    expect(await store().links.removeLayer(APP, digest)).toBe(true)
    expect(await store().links.removeLayer(APP, digest)).toBe(false)
    expect(await store().content.look('layer', APP, digest)).toBeUndefined()
    expect(await store().content.look('layer', OTHER, digest)).toBeDefined()
  })

  test('a pull leaves its time beside a revision, and nothing where there is none', async () => {
    const digest = await putRevision(store(), bytesOf(1))
    await store().links.touchPull(APP, digest, new Date(0))
    await store().links.touchPull(OTHER, digest, new Date(0))
    expect(store().links.hasRepository(OTHER)).toBe(false)
  })

  test('referrers are listed in the order of their keys, from any of them on, while their revisions exist', async () => {
    const subject = digestOf(bytesOf(0))
    const referrers = await addReferrers(store(), 6)
    const all = await Array.fromAsync(store().links.referrers(APP, subject, undefined))
    expect(new Set(all.map(({ referrer }) => referrer))).toEqual(new Set(referrers))
    expect(all.map(({ key }) => key)).toEqual(all.map(({ key }) => key).toSorted())
    for (const [index, { key }] of all.entries())
      expect(await Array.fromAsync(store().links.referrers(APP, subject, key))).toEqual(all.slice(index + 1))
    const [first] = referrers
    if (first !== undefined) await store().links.removeRevision(APP, first)
    expect(await Array.fromAsync(store().links.referrers(APP, subject, undefined))).toHaveLength(5)
  })

  test('a referrer that was removed can be added again by the same process', async () => {
    const subject = digestOf(bytesOf(0))
    const [referrer = subject] = await addReferrers(store(), 1)
    await store().links.removeReferrer(APP, subject, referrer)
    expect(await Array.fromAsync(store().links.referrers(APP, subject, undefined))).toEqual([])
    await addReferrers(store(), 1)
    expect(await Array.fromAsync(store().links.referrers(APP, subject, undefined))).toHaveLength(1)
  })
}

async function addReferrers(
  store: OpenedStore,
  count: number,
): Promise<readonly ReturnType<typeof digestOf>[]> {
  const referrers = []
  for (let number = 1; number <= count; number += 1) {
    const digest = await putRevision(store, bytesOf(number))
    await store.links.addReferrer(APP, digestOf(bytesOf(0)), digest, Buffer.from(`descriptor ${number}`))
    referrers.push(digest)
  }
  return referrers
}
