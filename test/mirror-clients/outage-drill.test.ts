import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import { type DeafPort, openDeafPort } from '../support/deaf-port.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { FaultRule } from '../support/fake-upstream/faults.js'
import { holdImage } from '../support/held-image.js'
import type { LayoutImage } from '../support/image-layout.js'
import { MirroredHubs } from '../support/mirrored-hubs.js'
import { StateFolder } from '../support/state-folder.js'
import { type DrillClient, openDrillClients } from './drill-clients.js'

/** A row of docs/reference/upstream-outages.md as it comes about. */
interface Outage {
  readonly name: string
  readonly faults?: readonly FaultRule[]
  readonly isDown?: boolean
  /** Where the mirror looks for its upstream instead. */
  readonly settings?: () => Readonly<Record<string, unknown>>
}

const GET_MANIFEST = { on: 'manifest', where: { method: 'GET' } } as const

const OUTAGES: readonly Outage[] = [
  { name: 'refuses connections', isDown: true },
  { name: 'resets connections', faults: [{ how: 'reset' }] },
  { name: 'hangs', faults: [{ how: 'hang' }] },
  { name: 'stops in the middle', faults: [{ ...GET_MANIFEST, how: { stallAfter: 20 } }] },
  ...[401, 403, 404, 429, 500, 503].map((status) => ({
    name: `answers ${status}`,
    faults: [{ how: { status } }],
  })),
  { name: 'gives no tokens', faults: [{ on: 'token', how: { status: 403 } }] },
  { name: 'shows a login page', faults: [{ how: 'login-page' }] },
  { name: 'names another digest', faults: [{ on: 'manifest', how: 'wrong-digest-header' }] },
  { name: 'sends other bytes', faults: [{ on: 'manifest', how: 'wrong-body' }] },
  { name: 'breaks off', faults: [{ ...GET_MANIFEST, how: { cutAfter: 20 } }] },
  { name: 'promises more than it sends', faults: [{ on: 'manifest', how: { lengthOffBy: 50 } }] },
  { name: 'redirects in circles', faults: [{ how: { redirect: ({ target }) => target } }] },
  { name: 'has no address', settings: () => ({ urls: ['http://no-such-host.invalid'] }) },
  { name: 'takes no connection', settings: () => ({ urls: [`http://127.0.0.1:${deaf?.port}`] }) },
  { name: 'has a certificate of nobody', settings: () => ({ urls: [stranger?.url] }) },
]
const IMAGES = 20
/** Of each kind of client in each row. */
const PULLS: Readonly<Record<string, number>> = { skopeo: 3, containerd: 2, dockerd: 1 }

let deaf: DeafPort | undefined
/** With a certificate that the mirror does not know. */
let stranger: FakeUpstream | undefined

describe('what was pulled once is pulled again by skopeo, containerd and dockerd, while the hub', () => {
  let state: StateFolder
  let hubs: MirroredHubs
  let clients: readonly DrillClient[]
  const images: LayoutImage[] = []
  /** The images that each kind has pulled in an outage. */
  const played = new Map<string, Set<number>>()

  beforeAll(async () => {
    state = new StateFolder()
    deaf = await openDeafPort()
    stranger = await FakeUpstream.start({ tls: await makeCertificates(state.path) })
    hubs = await MirroredHubs.start({ hub: { auth: 'bearer' }, both: { freshFor: '0s' } })
    clients = await openDrillClients(state, hubs.addresses.mirror)
    const [skopeo] = clients
    for (let at = 0; at < IMAGES; at++) {
      const name = `drill/image-${at}`
      images.push(holdImage(hubs.hub, name, { state, seed: name, layers: 1, layerBytes: 10_000 }))
    }
    for (const [at, image] of images.entries()) await skopeo?.pull(`drill/image-${at}:1`, image)
    // A tag that stands where it stood needs no GET: half of the outages would not show.
    for (let at = 0; at < IMAGES; at++)
      holdImage(hubs.hub, `drill/image-${at}`, { state, seed: 'moved', layers: 1, layerBytes: 10_000 })
  })
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.stop()))
    await hubs.close()
    await stranger?.close()
    await deaf?.close()
    await state.destroy()
  })

  /** The mirror starts anew, so that it does not rest from the outage before. */
  async function begin({ faults = [], isDown = false, settings }: Outage): Promise<void> {
    hubs.hub.heal()
    hubs.hub.tokens.revoke()
    for (const fault of faults) hubs.hub.fail(fault)
    await (isDown ? hubs.hub.down() : hubs.hub.up())
    const upstreams = [{ host: 'docker.io', at: hubs.hub, freshFor: '0s', ...settings?.() }]
    await hubs.mirror.restart('in order', { upstreams })
  }

  async function play(row: number, { kind, pull }: DrillClient): Promise<readonly string[]> {
    const failed: string[] = []
    const count = PULLS[kind] ?? 0
    for (let pulls = 0; pulls < count; pulls++) {
      const at = (row * count + pulls) % IMAGES
      const image = images[at]
      if (image === undefined) throw new Error(`no image ${at}`)
      played.set(kind, (played.get(kind) ?? new Set()).add(at))
      await pull(`drill/image-${at}:1`, image).catch((error: unknown) => failed.push(String(error)))
    }
    return failed
  }

  test.each(OUTAGES.map((outage, row) => ({ ...outage, row })))('$name', async ({ row, ...outage }) => {
    await begin(outage)
    const failed: string[] = []
    for (const client of clients) failed.push(...(await play(row, client)))
    expect(failed).toEqual([])
    const stale = hubs.mirror.core.process.log().match(/"cache":"stale"/g)
    expect(stale?.length ?? 0).toBeGreaterThanOrEqual(Object.values(PULLS).reduce((sum, each) => sum + each))
  })

  test('was well again, and gives the images that it has now', async () => {
    await begin({ name: 'well' })
    const before = hubs.hub.count({ kind: 'blob' })
    const [skopeo] = clients
    await expect(skopeo?.pull('drill/image-0:1', images[0] ?? fail())).rejects.toThrow(/it is sha256/)
    expect(hubs.hub.count({ kind: 'blob' })).toBeGreaterThan(before)
    for (const [kind, seen] of played) expect([kind, seen.size]).toEqual([kind, IMAGES])
  })
})

function fail(): never {
  throw new Error('there are no images')
}
