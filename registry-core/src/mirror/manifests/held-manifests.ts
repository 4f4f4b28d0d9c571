import { algorithmOf, type Digest, digestOfBytes } from '../../oci/digest.js'
import { isRegistryError } from '../../oci/failure.js'
import { findStoredManifest } from '../../oci/manifest.js'
import { findMediaType, OCTET_STREAM, otherMediaType } from '../../oci/other-media-type.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import { addReferrer } from '../../registry/referrers.js'
import type { Registry, StoredManifest } from '../../registry/source.js'
import { errorCode } from '../../store/fs.js'
import type { Store } from '../../store/store.js'
import type { Log } from '../../system/log.js'
import type { MirroredName } from '../mirrored-name.js'
import type { FetchedManifest } from '../upstream/upstream.js'

/** A collector can cross a fetch this often before we give up keeping it. */
const PUBLISH_ATTEMPTS = 3
const NOT_KEPT = new Set(['storage-full', 'storage-failing', 'store-refused'])

/** What a tag stands for here, and who says so. */
export type HeldTag =
  /** A client, by a push: no upstream moves it. */
  { readonly kind: 'pushed'; readonly manifest: StoredManifest } | FetchedTag

/** A tag that was an upstream's. */
export type FetchedTag =
  /** The upstream said so last then. */
  | { readonly kind: 'checked'; readonly manifest: StoredManifest; readonly checkedAt: Date }
  /** Nobody knows whether it ever did: a crash came between, or nobody noted it. */
  | { readonly kind: 'unchecked'; readonly manifest: StoredManifest }

/** A manifest, and whether a client pushed it. */
export interface HeldManifest {
  readonly manifest: StoredManifest
  readonly isPushed: boolean
}

interface Parts {
  readonly store: Pick<Store, 'content' | 'links' | 'origins' | 'space'>
  readonly registry: Registry
  readonly log: Log
  /** What the note says of a repository's visibility, where it is known. */
  readonly isKnownPublic?: (stored: RepositoryName) => true | undefined
}

/** The manifests of upstreams that are here. What another upstream gave is not here, nor what nobody knows the origin of (design §4). */
export class HeldManifests {
  readonly #parts: Parts
  #hasSaidUnknown = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async find(name: MirroredName, digest: Digest, countsAsPull: boolean): Promise<HeldManifest | undefined> {
    const manifest = await this.#read(name, digest, countsAsPull)
    const origin = manifest && this.#parts.store.origins.provenance(name.stored, digest)
    if (manifest === undefined || origin === undefined) return undefined
    if (origin.kind === 'unknown') this.#sayUnknown(name)
    if (origin.kind === 'fetched' && origin.from.host !== name.host) return undefined
    return origin.kind === 'unknown' ? undefined : { manifest, isPushed: origin.kind === 'pushed' }
  }

  async findTag(name: MirroredName, tag: Tag, countsAsPull: boolean): Promise<HeldTag | undefined> {
    const { store } = this.#parts
    const mirrored = await store.origins.findTag(name.stored, tag)
    if (mirrored !== undefined) {
      if (mirrored.host !== name.host) return undefined
      const manifest = await this.#read(name, mirrored.digest, countsAsPull)
      const { checkedAt } = mirrored
      if (manifest === undefined) return undefined
      return checkedAt === undefined
        ? { kind: 'unchecked', manifest }
        : { kind: 'checked', manifest, checkedAt }
    }
    const digest = await store.links.findTag(name.stored, tag)
    const held = digest && (await this.find(name, digest, countsAsPull))
    // A tag of registry:2 that nobody noted, for what this upstream has given us since: it may be older than theirs.
    return held && { kind: held.isPushed ? 'pushed' : 'unchecked', manifest: held.manifest }
  }

  /** Where the bytes do not say what they are, the note says what the upstream called them. */
  async #read(
    name: MirroredName,
    digest: Digest,
    countsAsPull: boolean,
  ): Promise<StoredManifest | undefined> {
    const { registry, store } = this.#parts
    const manifest = await registry
      .repository(name.stored)
      .manifest({ kind: 'digest', digest }, { countsAsPull, isSparse: true })
    if (manifest?.mediaType !== OCTET_STREAM) return manifest
    const origin = store.origins.provenance(name.stored, digest)
    const noted = origin?.kind === 'fetched' ? origin.from.mediaType : undefined
    return noted === undefined ? manifest : { ...manifest, mediaType: noted }
  }

  /** Makes what came a revision, entered among its subject's referrers. False when the store takes nothing: it is passed on. */
  keep(name: MirroredName, fetched: FetchedManifest): Promise<boolean> {
    const { digest, bytes, etag } = fetched
    const { store } = this.#parts
    return this.#whereStoreTakes(name, async () => {
      await store.space.reserve(bytes.length)
      const manifest = findStoredManifest(bytes)
      // Most say themselves what they are, and a note says nothing twice.
      const mediaType = manifest === undefined ? asStored(fetched).mediaType : undefined
      for (let attempt = 1; attempt <= PUBLISH_ATTEMPTS; attempt += 1) {
        await store.content.commitBytes(digest, bytes)
        // Before the revision: an entry without its revision is not answered, a missing one would be a lie.
        const sizeBytes = bytes.length
        if (manifest !== undefined)
          await addReferrer(store.links, name.stored, { digest, manifest, sizeBytes })
        const isPublic = this.#parts.isKnownPublic?.(name.stored)
        const from = { host: name.host, etag, mediaType, isPublic }
        await store.origins.publishRevision(name.stored, digest, from)
        if ((await store.content.look('revision', name.stored, digest)) !== undefined) return true
      }
      return false
    })
  }

  /** False when it stays where it is: a client's tag, or a store that takes nothing. */
  moveTag(name: MirroredName, tag: Tag, digest: Digest): Promise<boolean> {
    const { origins } = this.#parts.store
    return this.#whereStoreTakes(name, () =>
      origins.publishTag(name.stored, tag, digest, { host: name.host, etag: undefined }),
    )
  }

  /** The upstream has just said that the tag still stands for this digest. */
  async noteChecked(name: MirroredName, tag: Tag, digest: Digest): Promise<void> {
    await this.#whereStoreTakes(name, async () => {
      await this.#parts.store.origins.noteChecked(name.stored, tag, digest)
      return true
    })
  }

  /** A disk that is full, or not the expected one, keeps nobody from what an upstream has. */
  async #whereStoreTakes(name: MirroredName, write: () => Promise<boolean>): Promise<boolean> {
    const { store, log } = this.#parts
    try {
      store.space.requireExpectedStore()
      return await write()
    } catch (error) {
      if (!isOfStorage(error)) throw error
      log.warn({ err: error, repository: name.stored }, 'what an upstream gave is passed on, but not kept')
      return false
    }
  }

  #sayUnknown({ stored, host }: MirroredName): void {
    if (this.#hasSaidUnknown) return
    this.#hasSaidUnknown = true
    this.#parts.log.info(
      { repository: stored, upstream: host },
      'nobody noted where some manifests of this store came from: their upstream is asked for them anew',
    )
  }
}

/** The manifest as it will be answered when it is read from the store: its bytes say what it is, where we understand them. */
export function asStored({ digest, bytes, mediaType }: FetchedManifest): StoredManifest {
  const own = findStoredManifest(bytes)?.mediaType ?? otherMediaType(bytes)
  const known = own === OCTET_STREAM ? (findMediaType(mediaType) ?? own) : own
  return { digest, bytes, mediaType: known }
}

/** True when the bytes are what their digest says. */
export function isWhole({ digest, bytes }: FetchedManifest): boolean {
  return digestOfBytes(algorithmOf(digest), bytes) === digest
}

function isOfStorage(error: unknown): boolean {
  return isRegistryError(error) ? NOT_KEPT.has(error.failure) : errorCode(error) !== undefined
}
