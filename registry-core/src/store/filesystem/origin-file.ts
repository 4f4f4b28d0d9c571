import { type Digest, findDigest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { FetchedFrom, Provenance } from '../fetched.js'
import type { Fs } from '../fs.js'
import type { Keys } from '../keys.js'
import { readDamagedAsEmptyNow } from './read-again.js'
import { SettledFiles } from './settled-files.js'

const LIMIT_BYTES = 4096

/** What `upstream` beside a revision's or a tag's link says; its mtime is when that was so. */
export interface OriginNote extends FetchedFrom {
  readonly atMs: number
  /** Of a tag: what it stands for. */
  readonly digest: Digest | undefined
  /** Of a tag that was being moved: what it stood for before; it may still, when a crash came in between. */
  readonly previous: Digest | undefined
}

/** The bytes of a note. */
export function originBytes(
  { host, etag, mediaType, isPublic }: FetchedFrom,
  tag?: { readonly digest: Digest; readonly previous: Digest | undefined },
): Buffer {
  return Buffer.from(JSON.stringify({ host, etag, mediaType, isPublic, ...tag }))
}

/** Reads who put things here. */
export class OriginReader {
  readonly #fs: Fs
  readonly #keys: Keys
  readonly #settled: SettledFiles<OriginNote>

  constructor(options: { readonly fs: Fs; readonly keys: Keys; readonly clock: Clock }) {
    this.#fs = options.fs
    this.#keys = options.keys
    this.#settled = new SettledFiles(options)
  }

  /** Undefined when there is none, or it is damaged: then nobody says where the thing came from. */
  read(path: string): OriginNote | undefined {
    const stat = this.#fs.statNow(path)
    const kept = stat && this.#settled.find(path, stat)
    if (stat === undefined || kept !== undefined) return kept
    const bytes = readDamagedAsEmptyNow(this.#fs, path, LIMIT_BYTES)
    const note = bytes && parse(bytes, stat.mtimeMs)
    if (note !== undefined) this.#settled.keep(path, stat, note)
    return note
  }

  /** Where a revision came from, by the files beside its link (gc-protocol §2); undefined when there is none in place. */
  provenance(repository: RepositoryName, digest: Digest): Provenance | undefined {
    const folder = this.#keys.linkFolder('revision', repository, digest)
    const link = this.#fs.statNow(`${folder}/link`)
    if (link === undefined) return undefined
    if ((this.#fs.statNow(`${folder}/pushed`)?.mtimeMs ?? -1) >= link.mtimeMs) return { kind: 'pushed' }
    const note = this.read(`${folder}/upstream`)
    if (note === undefined || note.atMs < link.mtimeMs) return { kind: 'unknown' }
    const { host, etag, mediaType, isPublic, atMs } = note
    return { kind: 'fetched', from: { host, etag, mediaType, isPublic }, at: new Date(atMs) }
  }
}

function parse(bytes: Buffer, atMs: number): OriginNote | undefined {
  try {
    const json = JSON.parse(bytes.toString()) as Record<string, unknown> | null
    if (typeof json?.['host'] !== 'string') return undefined
    return {
      host: json['host'],
      etag: typeof json['etag'] === 'string' ? json['etag'] : undefined,
      mediaType: typeof json['mediaType'] === 'string' ? json['mediaType'] : undefined,
      isPublic: json['isPublic'] === true ? true : undefined,
      digest: findDigest(String(json['digest'])),
      previous: findDigest(String(json['previous'])),
      atMs,
    }
  } catch {
    return undefined
  }
}
