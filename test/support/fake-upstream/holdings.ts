import type { Content, Descriptor, Image } from '../images.js'

interface Repository {
  readonly blobs: Map<string, Content>
  readonly manifests: Map<string, Content>
  readonly tags: Map<string, string>
}

/** What an upstream has, by repository: a digest of one is unknown in another. */
export class Holdings {
  readonly #repositories = new Map<string, Repository>()

  /** An image with its blobs; under a tag, which moves when it stood elsewhere. */
  hold(repository: string, image: Image, tag?: string): void {
    for (const blob of image.blobs) this.#open(repository).blobs.set(blob.descriptor.digest, blob)
    this.holdManifest(repository, image.manifest, tag)
  }

  holdManifest(repository: string, manifest: Content, tag?: string): void {
    const { manifests, tags } = this.#open(repository)
    manifests.set(manifest.descriptor.digest, manifest)
    if (tag !== undefined) tags.set(tag, manifest.descriptor.digest)
  }

  /** Forgets a tag, or the whole repository. */
  drop(repository: string, tag?: string): void {
    if (tag === undefined) this.#repositories.delete(repository)
    else this.#repositories.get(repository)?.tags.delete(tag)
  }

  findManifest(repository: string, reference: string): Content | undefined {
    const held = this.#repositories.get(repository)
    return held?.manifests.get(held.tags.get(reference) ?? reference)
  }

  findBlob(repository: string, digest: string): Content | undefined {
    return this.#repositories.get(repository)?.blobs.get(digest)
  }

  /** In order; undefined when there is no such repository. */
  tags(repository: string): readonly string[] | undefined {
    const tags = this.#repositories.get(repository)?.tags
    return tags && [...tags.keys()].sort()
  }

  /** Descriptors of the manifests that name the digest as their subject. */
  referrers(repository: string, subject: string): readonly Descriptor[] {
    const manifests = [...(this.#repositories.get(repository)?.manifests.values() ?? [])]
    return manifests.flatMap(({ bytes, descriptor }) => {
      const parsed = JSON.parse(bytes.toString()) as {
        readonly subject?: Descriptor
        readonly artifactType?: string
        readonly annotations?: Readonly<Record<string, string>>
      }
      if (parsed.subject?.digest !== subject) return []
      const { artifactType, annotations } = parsed
      return [{ ...descriptor, ...(artifactType && { artifactType }), ...(annotations && { annotations }) }]
    })
  }

  #open(name: string): Repository {
    const known = this.#repositories.get(name)
    if (known !== undefined) return known
    const made: Repository = { blobs: new Map(), manifests: new Map(), tags: new Map() }
    this.#repositories.set(name, made)
    return made
  }
}
