// warm-mirror: an image that is cached, while its upstream is up, refuses, fails or hangs; and its blob, beside a pushed one.
import { MiB, options } from '../lib/options.mjs'
import { load, upstream } from '../lib/client.mjs'
import { ensureFixture, fixture } from '../lib/fixtures.mjs'
import { measured, othersBusy } from '../lib/processes.mjs'
import { accept, newImage, unusedPrefix, warm } from './mirrored-image.mjs'

const GiB = 2 ** 30
const kept = new Map()

/** An image per target and name that all rounds share. */
async function keptImage(target, name) {
  const key = `${target.name} ${name}`
  if (!kept.has(key)) {
    const image = await newImage(target, name)
    await upstream('/_ctl?rate=0')
    await warm(target, image)
    await upstream('/_ctl?clear=1')
    kept.set(key, image)
  }
  return kept.get(key)
}

const times = (r) => ({
  'p50 ms': r.total_ms.p50,
  'p99 ms': r.total_ms.p99,
  'served %': (100 * r.ok) / r.requests,
})

const singles = (label, method, of, more = {}) => ({ label, method, of, n: 100, run: single, ...more })

/** One after the other, on one connection. */
async function single(target, { method, of, n, name = 'warm-64k', conc = 1 }) {
  const image = await keptImage(target, name)
  await upstream('/_stats?reset=1')
  const r = await load(target, [[method, of(image)]], { total: n, conc, ...accept })
  const { requests } = await upstream('/_stats')
  return { ...times(r), 'upstream requests each': requests / n, 'upstream requests': requests }
}

/** What was pushed, on ours; the peer's mirror takes no push. */
async function pushedPaths(target) {
  if (!target.upstreams) return undefined
  const f = fixture()
  await ensureFixture(target)
  const root = `/v2/${f.repo}`
  return { tag: `${root}/manifests/${f.tag}`, blob: `${root}/blobs/${f.big.digest}` }
}

async function manifestsAtOnce(target, { isPushed }) {
  const pushed = isPushed && (await pushedPaths(target))
  if (isPushed && !pushed) return { _note: 'takes no push' }
  const { tag } = pushed || (await keptImage(target, 'warm-64k'))
  const opt = { conc: options.conns, duration: options.seconds, ...accept }
  const m = await measured(target, () => load(target, [['GET', tag]], opt))
  const r = m.result
  return {
    'req/s': r.requests / r.wall_s,
    'server CPU us/req': (m.cpu * 1e6) / r.requests,
    'p99 ms': r.total_ms.p99,
    'served %': (100 * r.ok) / r.requests,
    _others: othersBusy(m, r.client_cpu_s),
  }
}

async function blobs(target, { isPushed }) {
  const pushed = isPushed && (await pushedPaths(target))
  if (isPushed && !pushed) return { _note: 'takes no push' }
  const blob = pushed?.blob ?? (await keptImage(target, `blob-${options.blobMiB}m`)).layers[0]
  const total = Math.max(4, Math.round((options.totalGiB * 1024) / options.blobMiB))
  const bytes = total * options.blobMiB * MiB
  const m = await measured(target, () => load(target, [['GET', blob]], { conc: 4, total }))
  if (m.result.bytes_in !== bytes) throw new Error(`${JSON.stringify(m.result).slice(0, 300)}`)
  return {
    'MB/s': bytes / 1e6 / m.result.wall_s,
    'server CPU s/GiB': m.cpu / (bytes / GiB),
    _others: othersBusy(m, m.result.client_cpu_s),
  }
}

/** A tag that must be asked for again, of an upstream that was well until now. */
async function outage(target, { knobs, isTag = true }, round) {
  if (knobs.startsWith('hang') && round > 0) return {} // the peer waits for 15 s, and then again
  const image = await newImage(target, 'stale-64k', unusedPrefix(target))
  await warm(target, image)
  await upstream(`/_ctl?${knobs}`)
  await upstream('/_stats?reset=1')
  const plan = [['GET', isTag ? image.tag : image.layers[0]]]
  const wait = { timeout: options.hangSeconds, ...accept }
  try {
    const first = await load(target, plan, { total: 1, ...wait })
    const n = first.wall_s > 5 ? 1 : 20
    const then = await load(target, plan, { total: n, ...wait })
    return {
      'first ms': first.ok ? first.total_ms.p50 : NaN,
      'then p50 ms': then.ok ? then.total_ms.p50 : NaN,
      'then worst ms': then.ok ? then.total_ms.max : NaN,
      'served %': (100 * (first.ok + then.ok)) / (n + 1),
      'upstream requests': (await upstream('/_stats')).requests,
      ...(first.ok ? {} : { _note: `${first.first_error} ${JSON.stringify(first.statuses)}` }),
    }
  } finally {
    await upstream('/_ctl?clear=1')
  }
}

/** The tag stands for another image now. */
async function moved(target) {
  const image = await newImage(target, 'stale-64k')
  await warm(target, image)
  await upstream(`/_ctl?bump=${image.repository}:latest`)
  await upstream('/_stats?reset=1')
  const r = await load(target, [['GET', image.tag]], { total: 1, ...accept })
  const { requests } = await upstream('/_stats')
  return { 'p50 ms': r.total_ms.p50, 'served %': 100 * r.ok, 'upstream requests': requests }
}

const tag = (image) => image.tag

export const warmMirror = {
  cases: () => [
    singles('fresh tag GET', 'GET', tag),
    singles('fresh tag HEAD', 'HEAD', tag),
    singles('digest GET', 'GET', (image) => image.manifest),
    singles('stale tag GET', 'GET', tag, { name: 'stale-64k', n: 20 }),
    singles('stale tag GET, 32 at once', 'GET', tag, { name: 'stale-64k', n: 32, conc: 32 }),
    { label: 'moved tag GET', run: moved },
    { label: 'mirrored tag GET, busy', run: manifestsAtOnce },
    { label: 'pushed tag GET, busy', run: manifestsAtOnce, isPushed: true },
    { label: 'mirrored blob, 4 clients', run: blobs },
    { label: 'pushed blob, 4 clients', run: blobs, isPushed: true },
    { label: 'refused, tag GET', run: outage, knobs: 'down=1' },
    { label: '503, tag GET', run: outage, knobs: 'fail=503' },
    { label: '429, tag GET', run: outage, knobs: 'fail=429' },
    { label: 'hangs, tag GET', run: outage, knobs: 'hang=1' },
    { label: 'only manifests hang, tag GET', run: outage, knobs: 'hang=1&on=manifest' },
    { label: 'hangs, blob GET', run: outage, knobs: 'hang=1', isTag: false },
  ],
  async run(target, one, round) {
    await upstream('/_ctl?clear=1')
    return one.run(target, one, round)
  },
}
