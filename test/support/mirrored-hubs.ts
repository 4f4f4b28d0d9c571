import type { Addresses } from './client-page.js'
import { FakeUpstream, type FakeUpstreamOptions } from './fake-upstream/fake-upstream.js'
import { type Mirror, type MirrorOptions, startMirror } from './mirror.js'

type Settings = Readonly<Record<string, unknown>>

export interface HubsOptions extends Omit<MirrorOptions, 'upstreams'> {
  /** What the hub is like that stands for Docker Hub. */
  readonly hub?: FakeUpstreamOptions
  /** Further settings of each of the two upstreams. */
  readonly both?: Settings
  /** Of Docker Hub alone. */
  readonly hubSettings?: Settings
}

/** Two scripted hubs far away, and the product as their mirror: a registry beside it, as `npm start` has it. */
export class MirroredHubs {
  /** docker.io */
  readonly hub: FakeUpstream
  /** quay.io */
  readonly quay: FakeUpstream
  readonly mirror: Mirror

  private constructor(hub: FakeUpstream, quay: FakeUpstream, mirror: Mirror) {
    this.hub = hub
    this.quay = quay
    this.mirror = mirror
  }

  static async start(options: HubsOptions = {}): Promise<MirroredHubs> {
    const { both = {}, hubSettings = {} } = options
    const [hub, quay] = [await FakeUpstream.start(options.hub), await FakeUpstream.start()]
    try {
      const upstreams = [
        { host: 'docker.io', at: hub, ...both, ...hubSettings },
        { host: 'quay.io', at: quay, ...both },
      ]
      return new MirroredHubs(hub, quay, await startMirror({ ...options, upstreams }))
    } catch (error) {
      await Promise.all([hub.close(), quay.close()])
      throw error
    }
  }

  /** For clients in the machine's own network. */
  get addresses(): Addresses {
    const { core, mirrorPort } = this.mirror
    return { registry: `127.0.0.1:${core.port}`, mirror: `127.0.0.1:${mirrorPort}` }
  }

  /** What each hub was asked for besides whether it is one: docker.io, then quay.io. */
  get asked(): readonly [hub: number, quay: number] {
    const [hub, quay] = [this.hub, this.quay].map((each) => each.count() - each.count({ kind: 'ping' }))
    return [hub ?? 0, quay ?? 0]
  }

  /** Forgets who asked for what. */
  forgetRequests(): void {
    for (const each of [this.hub, this.quay]) each.requests = []
  }

  /** Nobody answers there any more. */
  async hubsDown(): Promise<void> {
    await Promise.all([this.hub.down(), this.quay.down()])
  }

  async hubsUp(): Promise<void> {
    await Promise.all([this.hub.up(), this.quay.up()])
  }

  async close(): Promise<void> {
    await this.mirror.remove()
    await Promise.all([this.hub.close(), this.quay.close()])
  }
}
