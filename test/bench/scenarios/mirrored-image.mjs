// An image of the far upstream that nobody has asked for yet, and where a target serves it.
import crypto from 'node:crypto'
import { load, upstream } from '../lib/client.mjs'
import { ACCEPT_LINE } from '../lib/fixtures.mjs'
import { sleep } from '../lib/processes.mjs'

export const accept = { headers: [ACCEPT_LINE] }
const nextName = new Map()

/** The upstream's name in this target's paths: the same one each time. */
export const prefixOf = (target) => (target.upstreams ? `${target.upstreams[0]}/` : '')

/** A name of it that has not failed before; the peer has one upstream only, and it leaves nothing alone. */
export function unusedPrefix(target) {
  if (!target.upstreams) return ''
  const next = (nextName.get(target) ?? 0) + 1
  nextName.set(target, next)
  if (next >= target.upstreams.length)
    throw new Error('no name of the upstream left: give stacks/mirrors.mjs more')
  return `${target.upstreams[next]}/`
}

/** @param name what it is called, with what it holds: `cold-64m` (upstream/images.mjs) */
export async function newImage(target, name, prefix = prefixOf(target)) {
  const repository = name.replace(/^\w+/, (word) => `library/${word}${crypto.randomBytes(5).toString('hex')}`)
  const { digest, manifest } = await upstream(`/_image?repo=${repository}&tag=latest`)
  const root = `/v2/${prefix}${repository}`
  return {
    repository,
    tag: `${root}/manifests/latest`,
    manifest: `${root}/manifests/${digest}`,
    config: `${root}/blobs/${manifest.config.digest}`,
    layers: manifest.layers.map((layer) => `${root}/blobs/${layer.digest}`),
  }
}

/** Fetches all of it, and waits until its blobs come without the upstream. */
export async function warm(target, { tag, manifest, config, layers }) {
  const everything = [tag, manifest, config, ...layers].map((path) => ['GET', path])
  await load(target, everything, accept)
  for (let i = 0; i < 100; i++) {
    await upstream('/_stats?reset=1')
    await load(target, everything.slice(2))
    if (!(await upstream('/_stats')).kinds.blobGet) return
    await sleep(200)
  }
  throw new Error(`${target.name} asks the upstream for blobs again and again`)
}

/** Until the upstream sends nothing more: what a mirror fetches on its own account too. */
export async function upstreamIdle() {
  for (let i = 0; i < 1200 && (await upstream('/_stats')).active; i++) await sleep(100)
}

export const kind = (stats, name) => stats.kinds[name] ?? 0
