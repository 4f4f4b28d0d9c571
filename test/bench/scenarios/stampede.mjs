// stampede: many cold clients of one image.   crowd: 1,000 clients of 100 images over one slow link.
import { MiB } from '../lib/options.mjs'
import { load, upstream } from '../lib/client.mjs'
import { measured, othersBusy, residentMiB, sleep, watchMemory } from '../lib/processes.mjs'
import { accept, kind, newImage, prefixOf, upstreamIdle, warm } from './mirrored-image.mjs'

const CLIENTS = 32
const LAYER_BYTES = 64 * MiB

/** The manifest to all at once, then the layer to all at once, or to one and half a second later to the others. */
async function rush(target, image, isLate) {
  const all = { conc: CLIENTS, total: CLIENTS }
  const manifests = await load(target, [['GET', image.tag]], { ...all, ...accept })
  const manifestStats = await upstream('/_stats?reset=1')
  const first = isLate ? load(target, [['GET', image.layers[0]]]) : undefined
  if (first) await sleep(500)
  const rest = isLate ? CLIENTS - 1 : CLIENTS
  const blobs = await load(target, [['GET', image.layers[0]]], { conc: rest, total: rest })
  const early = (await first) ?? { ok: 0, client_cpu_s: 0 }
  return { manifests, manifestStats, blobs, early }
}

function figures({ manifests, manifestStats, blobs, early }, blobStats) {
  return {
    'manifest wall ms': manifests.wall_s * 1e3,
    'blob wall s': blobs.wall_s,
    'first byte p50 ms': blobs.first_byte_ms.p50,
    'first byte max ms': blobs.first_byte_ms.max,
    'upstream manifest GETs': kind(manifestStats, 'manifestGet'),
    'upstream manifest HEADs': kind(manifestStats, 'manifestHead'),
    'upstream tokens': kind(manifestStats, 'token') + kind(blobStats, 'token'),
    'upstream blob GETs': kind(blobStats, 'blobGet'),
    'upstream blob HEADs': kind(blobStats, 'blobHead'),
    'upstream bytes / size': blobStats.bytes / LAYER_BYTES,
    'clients that failed': 2 * CLIENTS - manifests.ok - blobs.ok - early.ok,
  }
}

export const stampede = {
  cases: () => [
    { label: `cold, ${CLIENTS} at once` },
    { label: `cold, ${CLIENTS} at once, link of 100 MB/s in all`, knobs: 'link=100' },
    { label: `late, 1 then ${CLIENTS - 1}`, isLate: true },
    { label: `warm, ${CLIENTS} at once`, isWarm: true },
  ],
  async run(target, { knobs, isLate, isWarm }) {
    await upstream('/_ctl?clear=1&forget=1')
    const image = await newImage(target, 'cold-64m')
    if (isWarm) await warm(target, image)
    if (knobs) await upstream(`/_ctl?${knobs}`)
    await upstream('/_stats?reset=1')
    const memory = watchMemory(target.pids)
    const m = await measured(target, () => rush(target, image, isLate))
    const peak = memory.stop()
    await upstreamIdle()
    const stats = await upstream('/_stats')
    await upstream('/_ctl?clear=1')
    const check = await load(target, [['GET', image.layers[0]]], { verify: true })
    if (check.bad_digest || check.ok !== 1) throw new Error(`wrong afterwards: ${JSON.stringify(check)}`)
    const { manifests, blobs, early } = m.result
    const clientCpu = manifests.client_cpu_s + blobs.client_cpu_s + early.client_cpu_s
    return {
      ...figures(m.result, stats),
      'server CPU s': m.cpu,
      'RSS peak MiB': peak.sum,
      _others: othersBusy(m, clientCpu), // the upstream's own share is in it
    }
  },
}

const CROWD = { clients: 1000, images: 100, layers: 10, linkMBs: 50 }

/** Client n pulls image n mod 100, all in step: manifest, configuration, one layer after the other. */
function crowdPlans(images) {
  const each = (pick) =>
    Array.from({ length: CROWD.clients }, (_, n) => ['GET', pick(images[n % images.length])])
  const blobs = [(one) => one.config, ...images[0].layers.map((_, layer) => (one) => one.layers[layer])]
  return { manifests: each((one) => one.tag), blobs: blobs.flatMap(each) }
}

export const crowd = {
  cases: () => [
    { label: `${CROWD.images} images of ${CROWD.layers} x 256 KiB`, layerKiB: 256 },
    { label: `${CROWD.images} images of ${CROWD.layers} x 1024 KiB`, layerKiB: 1024, isOursOnly: true },
  ],
  async run(target, { layerKiB, isOursOnly }) {
    if (isOursOnly && !target.upstreams) return { _note: 'left out: it would take five minutes' }
    await upstream('/_ctl?clear=1&forget=1')
    const name = `crowd-${layerKiB}k-x${CROWD.layers}`
    const prefix = prefixOf(target)
    const images = await Promise.all(
      Array.from({ length: CROWD.images }, () => newImage(target, name, prefix)),
    )
    await upstream(`/_ctl?rate=0&link=${CROWD.linkMBs}`)
    await upstream('/_stats?reset=1')
    const plans = crowdPlans(images)
    const before = residentMiB(target.pids)
    const memory = watchMemory(target.pids, 50)
    const m = await measured(target, async () => {
      const manifests = await load(target, plans.manifests, { conc: CROWD.clients, ...accept })
      return { manifests, blobs: await load(target, plans.blobs, { conc: CROWD.clients, timeout: 300 }) }
    })
    const peak = memory.stop()
    await upstreamIdle()
    const stats = await upstream('/_stats')
    await upstream('/_ctl?clear=1&forget=1')
    const { manifests, blobs } = m.result
    const sizeBytes = CROWD.images * CROWD.layers * layerKiB * 1024
    return {
      'blob wall s': blobs.wall_s,
      'link used %': stats.bytes / (blobs.wall_s * CROWD.linkMBs * 1e4),
      'upstream bytes / size': stats.bytes / sizeBytes,
      'upstream manifest GETs': kind(stats, 'manifestGet'),
      'upstream manifest HEADs': kind(stats, 'manifestHead'),
      'upstream tokens': kind(stats, 'token'),
      'upstream blob GETs': kind(stats, 'blobGet'),
      'upstream blob HEADs': kind(stats, 'blobHead'),
      'clients that failed': manifests.requests + blobs.requests - manifests.ok - blobs.ok,
      'server CPU s': m.cpu,
      'RSS before MiB': before.sum,
      'RSS peak MiB': peak.sum,
      'largest process grew MiB': peak.largest - before.largest,
      _others: othersBusy(m, manifests.client_cpu_s + blobs.client_cpu_s),
    }
  },
}
