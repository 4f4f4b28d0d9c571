import type { Digest } from '#core/oci/digest.js'
import type { Tag } from '#core/oci/reference.js'
import type { RepositoryName } from '#core/oci/repository.js'

import type { ManifestPiece, Piece } from './content.js'

/** A thing that a client can ask for. */
export type Thing =
  | { readonly kind: 'blob'; readonly repository: RepositoryName; readonly piece: Piece }
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly piece: ManifestPiece }
  | { readonly kind: 'tag'; readonly repository: RepositoryName; readonly tag: Tag }

/** What it may be found as: a digest, or nothing. */
export type Value = Digest | 'absent'

/** What an operation makes of a thing. */
export interface Change {
  readonly thing: Thing
  readonly to: Value
}

interface Entry {
  readonly thing: Thing
  readonly allowed: ReadonlySet<Value>
}

/** An upload that a client has begun and would go on with after a restart. */
export interface Session {
  readonly repository: RepositoryName
  readonly upload: string
  readonly piece: Piece
  /** The bytes that were answered with 202. */
  readonly acknowledgedBytes: number
}

/** A removal that somebody asked for, by the tag or digest that it named. */
export interface Removal {
  readonly repository: RepositoryName
  readonly name: Tag | Digest
}

/** What clients were told, and so what the store may answer: one value, or several while an operation is under way. */
export class Ledger {
  readonly #entries: Map<string, Entry>
  /** The upload under way. */
  session: Session | undefined
  /** What was removed on purpose and acknowledged: each has a record (gc-protocol §4). */
  removals: readonly Removal[] = []
  /** What lies damaged on the disk, and nobody has healed yet. */
  damaged: Digest | undefined

  constructor(entries: ReadonlyMap<string, Entry> = new Map()) {
    this.#entries = new Map(entries)
  }

  clone(): Ledger {
    const copy = new Ledger(this.#entries)
    copy.session = this.session
    copy.damaged = this.damaged
    copy.removals = this.removals
    return copy
  }

  /** The operation has begun: from now on the old and the new value are right. */
  began(...changes: readonly Change[]): void {
    for (const { thing, to } of changes)
      this.#entries.set(keyOf(thing), { thing, allowed: new Set([...this.allowed(thing), to]) })
  }

  /** The client got its answer: only the new value is right. */
  acknowledged(...changes: readonly Change[]): void {
    for (const { thing, to } of changes) this.#entries.set(keyOf(thing), { thing, allowed: new Set([to]) })
  }

  allowed(thing: Thing): ReadonlySet<Value> {
    return this.#entries.get(keyOf(thing))?.allowed ?? new Set(['absent'])
  }

  /** The thing was acknowledged and nothing has touched it since. */
  mustExist(thing: Thing): boolean {
    return !this.allowed(thing).has('absent')
  }

  *things(): Generator<Thing> {
    for (const { thing } of this.#entries.values()) yield thing
  }
}

function keyOf(thing: Thing): string {
  const name = thing.kind === 'tag' ? thing.tag : thing.piece.digest
  return `${thing.kind} ${thing.repository} ${name}`
}

/** A blob's coming into a repository. */
export function blobHere(repository: RepositoryName, piece: Piece): Change {
  return { thing: { kind: 'blob', repository, piece }, to: piece.digest }
}

/** A manifest's coming into a repository. */
export function manifestHere(repository: RepositoryName, piece: ManifestPiece): Change {
  return { thing: { kind: 'manifest', repository, piece }, to: piece.digest }
}

/** A tag's moving to a digest, or its end. */
export function tagTo(repository: RepositoryName, tag: Tag, to: Value): Change {
  return { thing: { kind: 'tag', repository, tag }, to }
}

/** The end of a blob or manifest in a repository. */
export function gone({ thing }: Change): Change {
  return { thing, to: 'absent' }
}
