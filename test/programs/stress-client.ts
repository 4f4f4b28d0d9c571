// One client process of the stress test: orders as JSON in its only argument, a report as one line of JSON on stdout.
import type { Content, Image } from '../support/images.js'
import { contentOf, makeImage, makeIndex } from '../support/images.js'
import { chanceFrom } from './stress/chance.js'
import { type ClientOrders, type ClientReport, nowMs } from './stress/history.js'
import { ConnectionBroke, StressRequests } from './stress/stress-requests.js'

interface Own {
  readonly repository: string
  readonly image: Image
  /** An index names it: deleting it would be asked for, not lost. */
  isIndexed: boolean
}

class StressClient {
  readonly #orders: ClientOrders
  readonly #chance: () => number
  readonly #requests: StressRequests
  readonly #shared: readonly Content[]
  /** What this client has pushed and nobody else deletes by digest. */
  readonly #own: Own[] = []
  readonly #broken: string[] = []
  readonly #count = { pushed: 0, mounted: 0, deleted: 0, pulledWhole: 0, brokenConnections: 0 }

  constructor(orders: ClientOrders) {
    this.#orders = orders
    this.#chance = chanceFrom(orders.seed)
    this.#requests = new StressRequests(orders, this.#chance)
    this.#shared = orders.sharedBlobs.map((word) => contentOf(Buffer.from(word.repeat(500))))
  }

  async run(): Promise<ClientReport> {
    const endMs = nowMs() + this.#orders.milliseconds
    while (nowMs() < endMs && this.#broken.length < 5) {
      try {
        await this.#step(this.#chance())
      } catch (error) {
        if (this.#orders.areKilled && error instanceof ConnectionBroke) {
          this.#count.brokenConnections += 1
          await this.#requests.untilServed()
        } else this.#broken.push(Error.isError(error) ? String(error.stack) : String(error))
      }
      this.#requests.writeHistory()
    }
    await this.#requests.close()
    return { ...this.#count, requests: this.#requests.count, broken: this.#broken }
  }

  #step(roll: number): Promise<void> {
    if (roll < 0.28) return this.#pushImage()
    if (roll < 0.36) return this.#pushAgain()
    if (roll < 0.4) return this.#pushIndex()
    if (roll < 0.5) return this.#deleteTag()
    if (roll < 0.54) return this.#deleteManifest()
    if (roll < 0.58) return this.#duel()
    if (roll < 0.64) return this.#changeShared()
    if (roll < 0.7) return this.#pullOwn()
    return this.#pullTag()
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.#chance() * from.length)]
    if (found === undefined) throw new Error('nothing to choose from')
    return found
  }

  /** Blobs in any style, through any process; one of them perhaps mounted from the shared ones. */
  async #pushImage(): Promise<void> {
    const repository = this.#pick(this.#orders.repositories)
    const sizes = [200, 5000, 60_000, 400_000]
    const fresh = makeImage({ layers: 1 + Math.floor(this.#chance() * 2), layerSizeBytes: this.#pick(sizes) })
    for (const blob of fresh.blobs) await this.#requests.pushBlob(repository, blob)
    const image = this.#chance() < 0.4 ? await this.#withSharedLayer(repository, fresh) : fresh
    await this.#requests.pushManifest(repository, image.manifest, this.#pick(this.#orders.tags))
    this.#own.push({ repository, image, isIndexed: false })
    if (this.#own.length > 30) this.#own.shift()
    this.#count.pushed += 1
  }

  /** Somebody may delete the blob from its source at the same time: what was mounted stays. */
  async #withSharedLayer(repository: string, { blobs }: Image): Promise<Image> {
    const shared = this.#pick(this.#shared)
    if (await this.#requests.mount(repository, shared)) this.#count.mounted += 1
    const [config, ...layers] = blobs
    return { ...makeImageOf(config, [...layers, shared]) }
  }

  async #pushAgain(): Promise<void> {
    if (this.#own.length === 0) return this.#pushImage()
    const { repository, image } = this.#pick(this.#own)
    await this.#requests.pushManifest(repository, image.manifest, this.#pick(this.#orders.tags))
    this.#count.pushed += 1
  }

  async #pushIndex(): Promise<void> {
    const repository = this.#pick(this.#orders.repositories)
    const children = this.#own.filter((own) => own.repository === repository).slice(-2)
    if (children.length === 0) return this.#pushImage()
    for (const child of children) {
      child.isIndexed = true
      await this.#requests.pushManifest(repository, child.image.manifest, undefined)
    }
    const index = makeIndex(children.map(({ image }) => image.manifest))
    await this.#requests.pushManifest(repository, index, this.#pick(this.#orders.tags))
    this.#count.pushed += 1
  }

  async #deleteTag(): Promise<void> {
    await this.#requests.deleteTag(this.#pick(this.#orders.repositories), this.#pick(this.#orders.tags))
    this.#count.deleted += 1
  }

  #takeOwn(): Own | undefined {
    const free = this.#own.filter(({ isIndexed }) => !isIndexed)
    if (free.length === 0) return undefined
    const own = this.#pick(free)
    this.#own.splice(this.#own.indexOf(own), 1)
    return own
  }

  async #deleteManifest(): Promise<void> {
    const own = this.#takeOwn()
    if (own === undefined) return
    await this.#requests.deleteManifest(own.repository, own.image.manifest)
    this.#count.deleted += 1
  }

  /** A push and a delete of the same manifest at the same time: either may win, for every reader the same one. */
  async #duel(): Promise<void> {
    const own = this.#takeOwn()
    if (own === undefined) return
    const { repository, image } = own
    const outcomes = await Promise.allSettled([
      this.#requests.pushManifest(repository, image.manifest, this.#pick(this.#orders.tags)),
      this.#requests.deleteManifest(repository, image.manifest),
    ])
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  async #changeShared(): Promise<void> {
    const blob = this.#pick(this.#shared)
    if (this.#chance() < 0.6) await this.#requests.pushShared(blob)
    else await this.#requests.deleteShared(blob)
  }

  async #pullOwn(): Promise<void> {
    if (this.#own.length === 0) return
    const { repository, image } = this.#pick(this.#own)
    await this.#requests.pullByDigest(repository, image.manifest)
  }

  async #pullTag(): Promise<void> {
    const isWhole = await this.#requests.pullTag(
      this.#pick(this.#orders.repositories),
      this.#pick(this.#orders.tags),
      this.#chance() < 0.3,
    )
    if (isWhole) this.#count.pulledWhole += 1
  }
}

function makeImageOf(config: Content | undefined, layers: readonly Content[]): Image {
  if (config === undefined) throw new Error('an image without a configuration')
  const { manifest } = makeImage({
    layers: 0,
    fields: { config: config.descriptor, layers: layers.map(({ descriptor }) => descriptor) },
  })
  return { manifest, blobs: [config, ...layers] }
}

const orders = JSON.parse(process.argv[2] ?? '') as ClientOrders
process.stdout.write(`${JSON.stringify(await new StressClient(orders).run())}\n`)
