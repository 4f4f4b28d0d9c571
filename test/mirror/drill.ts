import { FakeUpstream, type FakeUpstreamOptions } from '../support/fake-upstream/fake-upstream.js'
import type { FaultRule } from '../support/fake-upstream/faults.js'
import { type Image, makeImage } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { getManifest, type Pull, pullImage } from './pulls.js'

type Settings = Readonly<Record<string, unknown>>

/** One way in which an upstream goes wrong. */
export interface Outage {
  readonly name: string
  readonly upstream?: FakeUpstreamOptions
  /** What befalls it while the mirror runs. */
  readonly faults?: readonly FaultRule[]
  readonly isDown?: boolean
  /** Where the mirror looks for it after a restart: what only the network can do. */
  readonly settings?: Settings
}

/** Of each upstream. */
export const IMAGES = 20

/** What a client saw of one outage. */
export interface Seen {
  readonly name: string
  readonly pulls: readonly Pull[]
  /** Pulls of what is cached that failed, in words. */
  readonly failed: readonly string[]
  /** The status for what is not cached, with `whenMissing` as it is by default. */
  readonly notCached: readonly number[]
  /** How long the slowest answer for something not cached took. */
  readonly notCachedMs: number
}

interface Patient {
  readonly outage: Outage
  readonly host: string
  readonly upstream: FakeUpstream
  readonly images: readonly Image[]
}

/**
 * Twenty images of each upstream are pulled while it is well; then every upstream goes wrong in its own way, each tag has
 * moved, and every image is pulled again by its tag, of which none is fresh.
 */
export async function playOutages(
  outages: readonly Outage[],
  whenMissing: 404 | 503 = 404,
): Promise<readonly Seen[]> {
  const patients = await Promise.all(outages.map(admit))
  const upstreamsOf = (isIll: boolean): readonly (Settings & { host: string; at: FakeUpstream })[] =>
    patients.map(({ host, upstream, outage }) => ({
      ...{ host, at: upstream, freshFor: '0s', whenMissing },
      ...(isIll && outage.settings),
    }))
  let mirror: Mirror | undefined
  try {
    mirror = await startMirror({ upstreams: upstreamsOf(false) })
    const { registry } = mirror
    await Promise.all(
      patients.map(async ({ host, images }) => {
        for (const [at, image] of images.entries())
          await pullImage(registry, [`${host}/org/i${at}`, 'v1'], image)
      }),
    )
    await Promise.all(patients.map(fallIll))
    if (outages.some(({ settings }) => settings !== undefined))
      await mirror.restart('in order', { upstreams: upstreamsOf(true) })
    const client = mirror
    return await Promise.all(patients.map((patient) => visit(client, patient)))
  } finally {
    await mirror?.remove()
    await Promise.all(patients.map(({ upstream }) => upstream.close()))
  }
}

async function admit(outage: Outage, at: number): Promise<Patient> {
  const upstream = await FakeUpstream.start(outage.upstream)
  const images = Array.from({ length: IMAGES }, () => makeImage({ layers: 1 }))
  for (const [each, image] of images.entries()) upstream.hold(`org/i${each}`, image, 'v1')
  return { outage, host: `h${at}.example`, upstream, images }
}

async function fallIll({ outage, upstream, images }: Patient): Promise<void> {
  // A tag that stands where it stood needs no GET: half of the outages would not show.
  for (const each of images.keys()) upstream.hold(`org/i${each}`, makeImage({ layers: 1 }), 'v1')
  upstream.tokens.revoke()
  for (const fault of outage.faults ?? []) upstream.fail(fault)
  if (outage.isDown === true) await upstream.down()
}

async function visit(mirror: Mirror, { outage, host, images }: Patient): Promise<Seen> {
  const client = mirror.connect({ headers: { host } })
  const pulls: Pull[] = []
  const failed: string[] = []
  for (const [at, image] of images.entries()) {
    try {
      pulls.push(await pullImage(client, [`org/i${at}`, 'v1'], image))
    } catch (error) {
      failed.push(`${outage.name}: ${Error.isError(error) ? error.message : String(error)}`)
    }
  }
  const start = performance.now()
  const absent = makeImage().manifest.descriptor.digest
  const answers = await Promise.all([
    getManifest(client, 'org/never', 'v1'),
    getManifest(client, 'org/i0', 'v2'),
    getManifest(client, 'org/i0', absent),
    client.get(`/v2/org/i0/blobs/${absent}`),
  ])
  const notCachedMs = performance.now() - start
  return { name: outage.name, pulls, failed, notCached: answers.map(({ status }) => status), notCachedMs }
}
