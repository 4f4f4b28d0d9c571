// The limit for listing: the names in memory, in order.   node catalog-limit.mjs --listen PORT [--repos 10000 --tags 3 --many 10000]
import http from 'node:http'
import { listen, option } from './cli.mjs'

const numbered = (option_, fallback, name) =>
  Array.from({ length: Number(option(option_, fallback)) }, (_, i) => name(i, String(i).padStart(5, '0')))
const repos = numbered('--repos', 10000, (i, five) => `team${String(i % 100).padStart(3, '0')}/app${five}`)
const names = repos.concat('big/tags').sort((a, b) => (a < b ? -1 : 1))
const fewTags = numbered('--tags', 3, (i) => `1.${i}`)
const manyTags = numbered('--many', 10000, (_, five) => `v${five}`)

/** The index of the first entry greater than `last`. */
function indexAfter(sorted, last) {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] <= last) low = middle + 1
    else high = middle
  }
  return low
}

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://localhost')
  const n = Number(url.searchParams.get('n') ?? Infinity)
  const last = url.searchParams.get('last')
  const repo = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname)?.[1]
  const list = !repo ? names : repo === 'big/tags' ? manyTags : fewTags
  const from = last ? indexAfter(list, last) : 0
  const page = list.slice(from, from + n)
  const body = JSON.stringify(repo ? { name: repo, tags: page } : { repositories: page })
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  if (from + n < list.length) {
    headers.Link = `<${url.pathname}?last=${encodeURIComponent(page.at(-1))}&n=${n}>; rel="next"`
  }
  res.writeHead(200, headers)
  res.end(body)
})
server.keepAliveTimeout = 300000
listen(server, option('--listen', '21031'))
