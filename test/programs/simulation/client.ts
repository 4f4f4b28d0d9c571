import type { Algorithm, Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { Tag } from '#core/oci/reference.js'
import type { JournalActor } from '#core/store/journal-entry.js'
import type { Stage } from '#core/store/store.js'
import type { OpenedProcess } from '#core-test/simulated-store.js'

import type { ManifestPiece, Piece } from './content.js'
import { blobHere, gone, type Ledger, manifestHere, tagTo } from './ledger.js'

const NEVER = new AbortController().signal

/** Who asks, for the journal. */
export const ACTOR: JournalActor = {
  requestId: '1',
  remoteAddress: '127.0.0.1',
  method: 'PUT',
  userAgent: 'simulation',
  account: '',
  origin: '',
}

/** A client of one process: does what the HTTP edge would do for it, and writes down what it was answered. */
export class Client {
  readonly process: OpenedProcess
  readonly ledger: Ledger

  constructor(process: OpenedProcess, ledger: Ledger) {
    this.process = process
    this.ledger = ledger
  }

  /** POST and PUT with the whole body. */
  async upload(repository: RepositoryName, piece: Piece): Promise<void> {
    const upload = await this.begin(repository, algorithmOf(piece))
    await this.#close(repository, upload, piece, [piece.bytes])
  }

  /** POST, a PATCH for each half, an empty PUT. */
  async uploadInChunks(repository: RepositoryName, piece: Piece, announced?: Algorithm): Promise<void> {
    const upload = await this.begin(repository, announced ?? algorithmOf(piece))
    const half = Math.floor(piece.bytes.length / 2)
    this.ledger.session = { repository, upload, piece, acknowledgedBytes: 0 }
    await this.patch(repository, upload, piece.bytes.subarray(0, half))
    this.ledger.session = { repository, upload, piece, acknowledgedBytes: half }
    await this.patch(repository, upload, piece.bytes.subarray(half))
    this.ledger.session = { repository, upload, piece, acknowledgedBytes: piece.bytes.length }
    await this.finish(repository, upload, piece)
  }

  async begin(repository: RepositoryName, algorithm: Algorithm = 'sha256'): Promise<string> {
    await this.process.store.space.reserve(0)
    return this.#of(repository).beginUpload(algorithm)
  }

  async patch(repository: RepositoryName, upload: string, bytes: Buffer): Promise<void> {
    await this.process.store.space.reserve(bytes.length)
    const stage = await this.#of(repository).claimUpload(upload, NEVER)
    try {
      await stage.append(body([bytes.subarray(0, 1000), bytes.subarray(1000)]), bytes.length)
    } finally {
      await stage.settle()
    }
  }

  /** Where the session stands; undefined when there is none. */
  async offset(repository: RepositoryName, upload: string): Promise<number | undefined> {
    return (await this.#of(repository).findUpload(upload))?.offset
  }

  /** The closing PUT without a body. */
  finish(repository: RepositoryName, upload: string, piece: Piece): Promise<void> {
    return this.#close(repository, upload, piece, [])
  }

  async #close(
    repository: RepositoryName,
    upload: string,
    piece: Piece,
    chunks: readonly Buffer[],
  ): Promise<void> {
    const change = blobHere(repository, piece)
    this.ledger.began(change)
    this.ledger.session = undefined // from here on the bytes may be published and the session gone
    const stage = await this.#of(repository).claimUpload(upload, NEVER)
    await this.#appendAll(stage, chunks)
    await this.#of(repository).finishUpload(stage, piece.digest, ACTOR)
    this.ledger.acknowledged(change)
  }

  async #appendAll(stage: Stage, chunks: readonly Buffer[]): Promise<void> {
    if (chunks.length === 0) return
    try {
      await stage.append(body(chunks), Buffer.concat(chunks).length)
    } catch (error) {
      await stage.settle()
      throw error
    }
  }

  abort(repository: RepositoryName, upload: string): Promise<boolean> {
    return this.#of(repository).abortUpload(upload)
  }

  /** Mounts, or uploads when the answer is 202. */
  async mount(repository: RepositoryName, piece: Piece, from: RepositoryName): Promise<void> {
    const change = blobHere(repository, piece)
    this.ledger.began(change)
    if (await this.#of(repository).mount(piece.digest, from, ACTOR)) this.ledger.acknowledged(change)
    else await this.upload(repository, piece)
  }

  /** PUT of a manifest under a tag, or (no tag) by its digest. */
  async putManifest(repository: RepositoryName, manifest: ManifestPiece, name?: Tag): Promise<void> {
    const changes = [
      manifestHere(repository, manifest),
      ...(name === undefined ? [] : [tagTo(repository, name, manifest.digest)]),
    ]
    this.ledger.began(...changes)
    await this.#of(repository).putManifest({
      bytes: manifest.bytes,
      contentType: manifest.mediaType,
      reference:
        name === undefined ? { kind: 'digest', digest: manifest.digest } : { kind: 'tag', tag: name },
      tags: [],
      actor: ACTOR,
    })
    this.ledger.acknowledged(...changes)
  }

  /** A whole push: blobs, children, the manifest. */
  async push(repository: RepositoryName, manifest: ManifestPiece, name?: Tag): Promise<void> {
    for (const blob of manifest.blobs) await this.upload(repository, blob)
    for (const child of manifest.children) await this.push(repository, child)
    await this.putManifest(repository, manifest, name)
  }

  async deleteTag(repository: RepositoryName, name: Tag): Promise<boolean> {
    const change = tagTo(repository, name, 'absent')
    this.ledger.began(change)
    const wasThere = await this.#of(repository).deleteTag(name, ACTOR)
    if (wasThere) this.#removed(repository, name)
    this.ledger.acknowledged(change)
    return wasThere
  }

  /** Takes the manifest's tags with it. */
  async deleteManifest(
    repository: RepositoryName,
    manifest: ManifestPiece,
    tags: readonly Tag[],
  ): Promise<boolean> {
    const changes = [
      gone(manifestHere(repository, manifest)),
      ...tags.map((name) => tagTo(repository, name, 'absent')),
    ]
    this.ledger.began(...changes)
    const wasThere = await this.#of(repository).deleteManifest(manifest.digest, ACTOR)
    if (wasThere) this.#removed(repository, manifest.digest)
    this.ledger.acknowledged(...changes)
    return wasThere
  }

  async deleteBlob(repository: RepositoryName, piece: Piece): Promise<boolean> {
    const change = gone(blobHere(repository, piece))
    this.ledger.began(change)
    const wasThere = await this.#of(repository).deleteBlob(piece.digest, ACTOR)
    if (wasThere) this.#removed(repository, piece.digest)
    this.ledger.acknowledged(change)
    return wasThere
  }

  #removed(repository: RepositoryName, name: Tag | Digest): void {
    this.ledger.removals = [...this.ledger.removals, { repository, name }]
  }

  #of(repository: RepositoryName): ReturnType<OpenedProcess['registry']['repository']> {
    return this.process.registry.repository(repository)
  }
}

async function* body(chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* chunks
}

function algorithmOf({ digest }: Piece): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}
