import { expect } from '@jest/globals'

import { makeImage } from '../../support/images.js'
import { type Answer, expectStatus, type RegistryClient } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { findNext, followPages } from './pages.js'
import { readObject, readTags } from './read.js'

async function tagged({ client, repository }: Subject, tags: readonly string[]): Promise<string> {
  const name = repository()
  const image = makeImage({ layers: 1 })
  await client.pushImage(name, image)
  for (const tag of tags) await client.pushManifest(name, image.manifest, tag)
  return name
}

async function listTags(client: RegistryClient, name: string, query = ''): Promise<Answer> {
  return expectStatus(await client.get(`/v2/${name}/tags/list${query}`), 200)
}

/** By byte, or without regard to case: the specification's examples and its text allow both. */
function expectSorted(tags: readonly string[]): void {
  const byByte = [...tags].sort()
  const byLetter = [...tags].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
  expect([byByte, byLetter]).toContainEqual(tags)
}

const TEN = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']

/** tags/list and its pages (end-8a, end-8b). */
export const tagChecks = [
  check(['end-8a'], 'tags are listed sorted, with the name of the repository', async (subject) => {
    const tags = ['v2', 'V1', 'latest', 'v10', 'v1', '1.0', 'Z', '_x']
    const name = await tagged(subject, tags)
    const answer = await listTags(subject.client, name)
    expectHeader(answer, 'content-type', /^application\/json/)
    expect(readObject(answer.body)['name']).toBe(name)
    expect([...readTags(answer)].sort()).toEqual([...tags].sort())
    expectSorted(readTags(answer))
    expect(answer.header('link')).toBeUndefined()
  }),
  check(['end-8a'], 'a repository that is not is 404 NAME_UNKNOWN', async ({ client, repository }) => {
    expectError(await client.get(`/v2/${repository()}/tags/list`), 404, 'NAME_UNKNOWN')
  }),
  check(['end-8a'], 'a repository without tags has an empty list or is 404', async (subject) => {
    const { client } = subject
    const name = await tagged(subject, [])
    const answer = expectStatus(await client.get(`/v2/${name}/tags/list`), 200, 404)
    if (answer.status === 200) expect(readTags(answer)).toEqual([])
    else expectError(answer, 404, 'NAME_UNKNOWN')
  }),
  check(['end-8a', 'end-9'], 'after the last tag is deleted the list is empty or 404', async (subject) => {
    const { client } = subject
    const name = await tagged(subject, ['only'])
    expectStatus(await client.delete(`/v2/${name}/manifests/only`), 202)
    const answer = expectStatus(await client.get(`/v2/${name}/tags/list`), 200, 404)
    if (answer.status === 200) expect(readTags(answer)).toEqual([])
    else expectError(answer, 404, 'NAME_UNKNOWN')
  }),
  check(['end-8b'], 'n gives exactly n, unless fewer are left', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const n of [1, 3, 9]) {
      const answer = await listTags(subject.client, name, `?n=${n}`)
      expect(readTags(answer)).toEqual(TEN.slice(0, n))
      expect(findNext(answer)).toBeDefined()
    }
    for (const n of [10, 11, 1000]) {
      const answer = await listTags(subject.client, name, `?n=${n}`)
      expect(readTags(answer)).toEqual(TEN)
      if (n > 10) expect(answer.header('link')).toBeUndefined()
    }
  }),
  check(['end-8b'], 'Link leads through all tags to the end', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const n of [1, 3, 5, 7]) {
      const pages = await followPages(subject.client, `/v2/${name}/tags/list?n=${n}`)
      expect(pages.flatMap(readTags)).toEqual(TEN)
      for (const page of pages.slice(0, -1)) expect(readTags(page).length).toBe(n)
    }
  }),
  check(['end-8b'], 'a Link stays in its repository and is relative', async (subject) => {
    const name = await tagged(subject, TEN)
    const answer = await listTags(subject.client, name, '?n=3')
    expectHeader(answer, 'link', /^<\//)
    const next = new URL(String(findNext(answer)), 'http://registry')
    expect(next.pathname).toBe(`/v2/${name}/tags/list`)
    expect(next.searchParams.get('n')).toBe('3')
    expect(next.searchParams.get('last')).toBe('c')
  }),
  check(['end-8b'], 'last is exclusive, alone and with n, and need not exist', async (subject) => {
    const name = await tagged(subject, TEN)
    const ask = async (query: string): Promise<readonly string[]> =>
      readTags(await listTags(subject.client, name, query))
    expect(await ask('?last=c')).toEqual(TEN.slice(3))
    expect(await ask('?n=2&last=c')).toEqual(['d', 'e'])
    expect(await ask('?last=c&n=2')).toEqual(['d', 'e'])
    expect(await ask('?last=cc')).toEqual(TEN.slice(3))
    expect(await ask('?n=1&last=bzz')).toEqual(['c'])
  }),
  check(['end-8b', 'attack 13'], 'last past the end gives an empty list without Link', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const query of ['?last=j', '?last=zz', '?n=3&last=j', '?n=5&last=zz']) {
      const answer = await listTags(subject.client, name, query)
      expect(readTags(answer)).toEqual([])
      expect(answer.header('link')).toBeUndefined()
    }
  }),
  check(['end-8b', 'attack 13'], 'n=0 gives an empty list without Link', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const query of ['?n=0', '?n=0&last=a', '?n=00']) {
      const answer = await listTags(subject.client, name, query)
      expect(readTags(answer)).toEqual([])
      expect(answer.header('link')).toBeUndefined()
    }
  }),
  check(
    ['end-8b', 'attack 13'],
    'tags that begin like others are not dropped between pages',
    async (subject) => {
      const tags = ['1', '1.0', '1.0.0', '1.0.0-rc', '10', '1_', 'v', 'v-1', 'v1', 'v1.', 'v1.0', 'v10', 'vv']
      const name = await tagged(subject, tags)
      const pages = await followPages(subject.client, `/v2/${name}/tags/list?n=1`)
      expect(pages.flatMap(readTags)).toEqual(readTags(await listTags(subject.client, name)))
      expect(pages.flatMap(readTags).length).toBe(tags.length)
    },
  ),
  check(['attack 12'], 'an n that is no number is 400 PAGINATION_NUMBER_INVALID', async (subject) => {
    const name = await tagged(subject, ['x'])
    for (const n of ['-1', 'x', '1.5', '1e3', '0x10', ' 1']) {
      const answer = await subject.client.get(`/v2/${name}/tags/list?n=${encodeURIComponent(n)}`)
      expectError(answer, 400, 'PAGINATION_NUMBER_INVALID')
    }
  }),
  check(['attack 12'], 'an n beyond all bounds is clamped', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const n of ['1000000000000', '9007199254740993', '9'.repeat(40)]) {
      expect(readTags(await listTags(subject.client, name, `?n=${n}`))).toEqual(TEN)
    }
  }),
  check(['end-8b'], 'a last of nonsense is a place in the order, or 400', async (subject) => {
    const name = await tagged(subject, TEN)
    for (const last of ['..%2F..', '%00', '%FF', '~', 'a%0Ab']) {
      const answer = expectStatus(await subject.client.get(`/v2/${name}/tags/list?last=${last}`), 200, 400)
      if (answer.status === 200) expect(TEN).toEqual(expect.arrayContaining([...readTags(answer)]))
      else expectError(answer, 400)
    }
  }),
]
