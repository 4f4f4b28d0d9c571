import { eligibleBlobs } from '../support/distribution.js'
import { type Content, digestOf, type Image } from '../support/images.js'
import {
  type Answer,
  EVERY_MANIFEST_TYPE,
  expectStatus,
  type RegistryClient,
} from '../support/registry-client.js'

/**
 * What clients were told, to be held against what the registry says after a fault (invariants I1, I2, I5): whatever
 * was acknowledged is whole, whatever was not is absent or whole.
 */
export class Promises {
  readonly #repository: string
  readonly #blobs = new Map<string, Content>()
  readonly #images = new Map<string, Image>()
  /** What each tag may stand for: one value, or several while a change has not been acknowledged. */
  readonly #tags = new Map<string, ReadonlySet<string | undefined>>()
  readonly #attempted = new Map<string, Image>()
  /** What was acknowledged before the last check: looked at again at the end. */
  readonly #checkedBlobs = new Map<string, Content>()
  readonly #checkedImages = new Map<string, Image>()
  readonly #whole = new Set<string>()

  /** Answers that promised something, so far. */
  acknowledged = 0

  constructor(repository: string) {
    this.#repository = repository
  }

  /** Pushes an image blob by blob and notes each acknowledgement; throws what the client throws. */
  async push(client: RegistryClient, image: Image, tag: string, style?: 'chunks'): Promise<void> {
    this.#attempted.set(image.manifest.descriptor.digest, image)
    for (const blob of image.blobs) {
      await client.pushBlob(this.#repository, blob, style === undefined ? {} : { style })
      this.#blobs.set(blob.descriptor.digest, blob)
      this.acknowledged += 1
    }
    const { digest } = image.manifest.descriptor
    const before = this.#tags.get(tag) ?? new Set([undefined])
    this.#tags.set(tag, new Set([...before, digest]))
    await client.pushManifest(this.#repository, image.manifest, tag)
    this.#images.set(digest, image)
    this.#tags.set(tag, new Set([digest]))
    this.acknowledged += 1
  }

  async mount(client: RegistryClient, from: string, blob: Content): Promise<void> {
    const { digest } = blob.descriptor
    expectStatus(
      await client.post(`/v2/${this.#repository}/blobs/uploads/?mount=${digest}&from=${from}`),
      201,
    )
    this.#blobs.set(digest, blob)
  }

  async deleteTag(client: RegistryClient, tag: string): Promise<void> {
    this.#tags.set(tag, new Set([...(this.#tags.get(tag) ?? []), undefined]))
    expectStatus(await client.delete(`/v2/${this.#repository}/manifests/${tag}`), 202, 404)
    this.#tags.set(tag, new Set([undefined]))
  }

  /** The manifest and every tag that stands for it. */
  async deleteManifest(client: RegistryClient, image: Image): Promise<void> {
    const { digest } = image.manifest.descriptor
    this.#images.delete(digest)
    this.#checkedImages.delete(digest)
    const affected = [...this.#tags].filter(([, values]) => values.has(digest)).map(([tag]) => tag)
    for (const tag of affected) this.#tags.set(tag, new Set([...(this.#tags.get(tag) ?? []), undefined]))
    expectStatus(await client.delete(`/v2/${this.#repository}/manifests/${digest}`), 202, 404)
    for (const tag of affected) this.#tags.set(tag, new Set([undefined]))
  }

  /**
   * Looks at every tag and at what is new since the last check. Throws at the first thing that is not as promised;
   * afterwards each tag is known to be what it was seen to be.
   */
  async check(client: RegistryClient): Promise<void> {
    await this.#pull(client, this.#blobs, this.#images)
    for (const [tag, allowed] of this.#tags) await this.#checkTag(client, tag, allowed)
    for (const image of this.#attempted.values()) await this.#checkAttempted(client, image)
    for (const [digest, blob] of this.#blobs) this.#checkedBlobs.set(digest, blob)
    for (const [digest, image] of this.#images) this.#checkedImages.set(digest, image)
    for (const map of [this.#blobs, this.#images, this.#attempted]) map.clear()
  }

  /** Everything that was ever promised; answers how many blobs and manifests that was. */
  async checkAll(client: RegistryClient): Promise<number> {
    this.#whole.clear()
    await this.check(client)
    await this.#pull(client, this.#checkedBlobs, this.#checkedImages)
    return this.#checkedBlobs.size + this.#checkedImages.size
  }

  async #pull(
    client: RegistryClient,
    blobs: ReadonlyMap<string, Content>,
    images: ReadonlyMap<string, Image>,
  ): Promise<void> {
    for (const digest of blobs.keys()) await client.pullBlob(this.#repository, digest)
    for (const digest of images.keys()) await client.pullManifest(this.#repository, digest)
  }

  async #checkTag(
    client: RegistryClient,
    tag: string,
    allowed: ReadonlySet<string | undefined>,
  ): Promise<void> {
    const found = await pullIfPresent(client, `/v2/${this.#repository}/manifests/${tag}`)
    const digest = found && digestOf(found.body)
    if (!allowed.has(digest))
      throw new Error(`the tag ${tag} is ${digest}, it may be ${[...allowed].join(' or ')}`)
    if (found !== undefined) await this.#checkImage(client, found.body)
    this.#tags.set(tag, new Set([digest]))
  }

  async #checkAttempted(client: RegistryClient, { manifest, blobs }: Image): Promise<void> {
    for (const { descriptor } of blobs) {
      const found = await pullIfPresent(client, `/v2/${this.#repository}/blobs/${descriptor.digest}`)
      if (found !== undefined && digestOf(found.body) !== descriptor.digest)
        throw new Error(`a whole answer with other bytes: ${descriptor.digest}`)
    }
    const { digest } = manifest.descriptor
    const found = await pullIfPresent(client, `/v2/${this.#repository}/manifests/${digest}`)
    if (found === undefined) return
    if (digestOf(found.body) !== digest) throw new Error(`a whole answer with other bytes: ${digest}`)
    await this.#checkImage(client, found.body)
  }

  /** A manifest that can be pulled has everything it names; what was whole once is looked at again at the end. */
  async #checkImage(client: RegistryClient, manifest: Buffer): Promise<void> {
    const known = digestOf(manifest)
    if (this.#whole.has(known)) return
    this.#whole.add(known)
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: { digest: string }
      layers: readonly { digest: string }[]
    }
    for (const { digest } of [config, ...layers]) await client.pullBlob(this.#repository, digest)
  }

  /** Distribution's own collector would delete nothing of what was promised. */
  async checkCollection(root: string): Promise<void> {
    const images = [...this.#images.values(), ...this.#checkedImages.values()]
    const named = images.flatMap(({ manifest, blobs }) =>
      [manifest, ...blobs].map(({ descriptor }) => descriptor.digest),
    )
    const eligible = new Set(await eligibleBlobs(root))
    const live = named.filter((digest) => eligible.has(digest))
    if (live.length > 0)
      throw new Error(`Distribution's collector would delete live blobs: ${live.join(', ')}`)
  }
}

async function pullIfPresent(client: RegistryClient, target: string): Promise<Answer | undefined> {
  const answer = expectStatus(await client.get(target, { accept: EVERY_MANIFEST_TYPE }), 200, 404)
  return answer.status === 404 ? undefined : answer
}
