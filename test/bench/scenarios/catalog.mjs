// catalog: _catalog in pages and as a full walk, tags/list of a repository with 10,000 tags and of one with 3.
// The content is laid out by make-store.mjs.
import { request } from '../lib/client.mjs'
import { measured, othersBusy } from '../lib/processes.mjs'

const MANY = 'big/tags'
const repoName = (i) => `team${String(i % 100).padStart(3, '0')}/app${String(i).padStart(5, '0')}`
function nextPage(target, response) {
  const link = /<([^>]+)>;\s*rel="?next/.exec(response.headers.link ?? '')?.[1]
  if (!link) return null
  const url = new URL(link, target.url)
  return url.pathname + url.search
}

/** Follows the Link headers from `where` through at most `most` pages. */
async function walk(target, where, key, most) {
  let entries = 0
  let pages = 0
  let slowest = 0
  while (where && pages < most) {
    const start = performance.now()
    const r = await request(target, 'GET', where, { timeout: 600000 })
    slowest = Math.max(slowest, performance.now() - start)
    if (r.status !== 200) throw new Error(`${target.name}: ${where} answers ${r.status}`)
    entries += JSON.parse(r.body)[key]?.length ?? 0
    pages++
    where = nextPage(target, r)
  }
  return { entries, pages, slowest }
}

export const catalog = {
  cases: () => [
    {
      label: '_catalog?n=100, first page',
      where: '/v2/_catalog?n=100',
      key: 'repositories',
      most: 1,
      repeat: 3,
    },
    {
      label: '_catalog?n=100 from the middle',
      where: `/v2/_catalog?n=100&last=${repoName(5050)}`,
      key: 'repositories',
      most: 1,
      repeat: 3,
    },
    { label: '_catalog?n=100, every page', where: '/v2/_catalog?n=100', key: 'repositories', most: Infinity },
    {
      label: '_catalog?n=1000, every page',
      where: '/v2/_catalog?n=1000',
      key: 'repositories',
      most: Infinity,
    },
    { label: 'tags/list of 10,000', where: `/v2/${MANY}/tags/list`, key: 'tags', most: Infinity, repeat: 5 },
    {
      label: 'tags/list?n=100 of 10,000',
      where: `/v2/${MANY}/tags/list?n=100`,
      key: 'tags',
      most: 1,
      repeat: 5,
    },
    {
      label: 'tags/list of 3',
      where: `/v2/${repoName(0)}/tags/list`,
      key: 'tags',
      most: Infinity,
      repeat: 20,
    },
  ],
  async run(target, { where, key, most, repeat = 1 }) {
    const m = await measured(target, async () => {
      let last
      for (let i = 0; i < repeat; i++) last = await walk(target, where, key, most)
      return last
    })
    return {
      ms: (m.wall * 1e3) / repeat,
      'server CPU ms': (m.cpu * 1e3) / repeat,
      'slowest page ms': m.result.slowest,
      pages: m.result.pages,
      entries: m.result.entries,
      _others: othersBusy(m, 0),
    }
  },
}
