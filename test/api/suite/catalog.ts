import { expect } from '@jest/globals'

import { makeImage } from '../../support/images.js'
import { expectStatus } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { findNext, followPages } from './pages.js'
import { readRepositories } from './read.js'

/** Distribution walks folder by folder, so a slash comes before every other character. */
function byWalk(a: string, b: string): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')]
  return left < right ? -1 : Number(left > right)
}

/** _catalog, which the specification leaves to Docker. */
export const catalogChecks = [
  check(['catalog'], 'repositories are listed in the order of a walk', async ({ client }) => {
    const names = ['cat/a/b', 'cat/a-b', 'cat/a', 'cat/ab', 'cat/b/c/d', 'cat/a.b/x']
    for (const name of names) await client.pushImage(name, makeImage({ layers: 0 }), 'latest')
    const answer = expectStatus(await client.get('/v2/_catalog?n=1000'), 200)
    expectHeader(answer, 'content-type', /^application\/json/)
    const listed = readRepositories(answer)
    expect(listed.filter((name) => name.startsWith('cat/'))).toEqual([...names].sort(byWalk))
    expect([...listed].sort(byWalk)).toEqual(listed)
  }),
  check(['catalog'], 'pages of the catalog lead to the end and miss nothing', async ({ client }) => {
    for (let n = 0; n < 5; n += 1) await client.pushImage(`pages/p${n}`, makeImage({ layers: 0 }), 'latest')
    const all = readRepositories(expectStatus(await client.get('/v2/_catalog?n=1000'), 200))
    expect(all.length).toBeLessThan(1000)
    for (const n of [2, 7]) {
      const pages = await followPages(client, `/v2/_catalog?n=${n}`, 1000)
      expect(pages.flatMap(readRepositories)).toEqual(all)
      for (const page of pages.slice(0, -1)) expect(readRepositories(page).length).toBe(n)
    }
  }),
  check(['catalog'], 'last is exclusive and need not exist', async ({ client }) => {
    for (const name of ['last/a', 'last/b', 'last/c'])
      await client.pushImage(name, makeImage({ layers: 0 }), 'x')
    const ask = async (last: string): Promise<readonly string[]> =>
      readRepositories(
        expectStatus(await client.get(`/v2/_catalog?n=2&last=${encodeURIComponent(last)}`), 200),
      )
    expect(await ask('last/a')).toEqual(['last/b', 'last/c'])
    expect(await ask('last/aa')).toEqual(['last/b', 'last/c'])
    expect(await ask('zzzz')).toEqual([])
  }),
  check(
    ['attack 12'],
    'an n of the catalog that is no number is 400 PAGINATION_NUMBER_INVALID',
    async ({ client }) => {
      for (const n of ['-1', 'x', '1.5']) {
        expectError(await client.get(`/v2/_catalog?n=${n}`), 400, 'PAGINATION_NUMBER_INVALID')
      }
    },
  ),
  check(['attack 12'], 'an n of the catalog beyond all bounds is clamped', async ({ client }) => {
    for (const n of ['1000000000000', '9'.repeat(40)]) {
      expect(
        readRepositories(expectStatus(await client.get(`/v2/_catalog?n=${n}`), 200)).length,
      ).toBeGreaterThan(0)
    }
  }),
  check(
    ['attack 12', 'attack 13'],
    'n=0 of the catalog gives an empty list without Link',
    async ({ client }) => {
      const answer = expectStatus(await client.get('/v2/_catalog?n=0'), 200)
      expect(readRepositories(answer)).toEqual([])
      expect(findNext(answer)).toBeUndefined()
    },
  ),
]
