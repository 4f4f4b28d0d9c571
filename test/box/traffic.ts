import { eventually } from '../support/eventually.js'
import { type Image, makeImage } from '../support/images.js'
import type { RegistryClient } from '../support/registry-client.js'
import type { RunningBox } from './running-box.js'

const KIB = 1024

/** Something that was pushed, and said to be stored. */
interface Acknowledged {
  readonly repository: string
  readonly image: Image
}

/** Clients of a box by TLS that push new images and pull those that were acknowledged, until they are told to end. */
export class Traffic {
  /** What clients were told, in words; where nothing is broken, nothing. */
  readonly failures: string[] = []
  readonly #box: RunningBox
  readonly #acknowledged: Acknowledged[] = []
  readonly #clients: Promise<void>[]
  #pulls = 0
  #isOver = false

  private constructor(box: RunningBox, name: string) {
    this.#box = box
    const pushers = ['a', 'b'].map((each) => this.#repeat((round) => this.#push(`${name}/${each}-${round}`)))
    this.#clients = [...pushers, this.#repeat(() => this.#pull()), this.#repeat(() => this.#pull())]
  }

  /** `name` is that of its repositories. */
  static start(box: RunningBox, name: string): Traffic {
    return new Traffic(box, name)
  }

  /** Waits until so many more pushes and pulls have succeeded. */
  async untilDone(more: number): Promise<void> {
    const [pushes, pulls] = [this.#acknowledged.length + more, this.#pulls + more]
    const isDone = (): boolean => this.#acknowledged.length >= pushes && this.#pulls >= pulls
    await eventually(`${more} more pushes and pulls`, isDone, { deadlineMs: 60_000 }).catch(
      (error: unknown) => {
        throw new Error(`${this.failures.slice(-3).join('; ')}\n${this.#box.log().slice(-3000)}`, {
          cause: error,
        })
      },
    )
  }

  /** Ends it, then pulls all that was ever acknowledged; answers how much that is. */
  async end(): Promise<number> {
    this.#isOver = true
    await Promise.all(this.#clients)
    const left = [...this.#acknowledged]
    await Promise.all(Array.from({ length: 8 }, async () => this.#pullAll(left)))
    return this.#acknowledged.length
  }

  /** Nothing reloads nginx any more: one connection for all that is left. */
  async #pullAll(left: Acknowledged[]): Promise<void> {
    const client = this.#box.client('tls', this.#box.account)
    for (let next = left.pop(); next !== undefined; next = left.pop())
      await pull(client, next.repository, next.image)
    await client.close()
  }

  async #repeat(once: (round: number) => Promise<void>): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      try {
        await once(round)
      } catch (error) {
        this.failures.push(Error.isError(error) ? error.message : String(error))
        await eventually('the box answers', async () => this.#isOver || (await this.#answers())).catch(
          () => undefined,
        )
      }
    }
  }

  async #answers(): Promise<boolean> {
    const client = this.#client()
    try {
      return (await client.get('/v2/')).status === 200
    } catch {
      return false
    } finally {
      await client.close()
    }
  }

  async #push(repository: string): Promise<void> {
    const image = makeImage({ layers: 2, layerSizeBytes: 64 * KIB })
    const client = this.#client()
    try {
      await client.pushImage(repository, image, 'latest')
      this.#acknowledged.push({ repository, image })
    } finally {
      await client.close()
    }
  }

  async #pull(): Promise<void> {
    const chosen = this.#acknowledged[this.#pulls % Math.max(1, this.#acknowledged.length)]
    if (chosen === undefined) {
      await eventually('something is there', () => this.#isOver || this.#acknowledged.length > 0)
      return
    }
    const client = this.#client()
    try {
      await pull(client, chosen.repository, chosen.image)
      this.#pulls += 1
    } finally {
      await client.close()
    }
  }

  /** A connection for each request: one that is kept may be closed by who reloads, at the very moment it is used. */
  #client(): RegistryClient {
    return this.#box.client('tls', this.#box.account, { connection: 'close' })
  }
}

async function pull(client: RegistryClient, repository: string, { manifest, blobs }: Image): Promise<void> {
  const found = await client.pullManifest(repository, 'latest')
  if (found.descriptor.digest !== manifest.descriptor.digest)
    throw new Error(`${repository} has another image`)
  for (const { descriptor } of blobs) await client.pullBlob(repository, descriptor.digest)
}
