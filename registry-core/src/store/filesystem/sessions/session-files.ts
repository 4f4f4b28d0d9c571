import { type Algorithm, type Digest, findDigest, parseAlgorithm } from '../../../oci/digest.js'
import { RegistryError } from '../../../oci/failure.js'
import { findRepositoryName, type RepositoryName } from '../../../oci/repository.js'
import { errorCode, type Fs } from '../../fs.js'
import type { Keys } from '../../keys.js'
import { readDamagedAsEmptyNow } from '../read-again.js'
import { removeTree } from '../remove-tree.js'

/**
 * The files of one upload session (ADR 0003):
 *
 *     uploads/<id>/claim.<generation>    made by O_EXCL: who makes it is the only writer of that generation, while it writes
 *     uploads/<id>/settled.<generation>  where the session stands when that writer has ended all of its writes
 *     uploads/<id>/data.<generation>     the bytes; written by the process that made it alone
 *     uploads/<id>/next.<generation>     what becomes `settled.<generation>` by a rename
 */
export interface Settled {
  readonly repository: RepositoryName
  readonly startedAtMs: number
  readonly generation: number
  readonly algorithm: Algorithm
  readonly offset: number
  /** Of the first `offset` bytes of `file`. */
  readonly digest: Digest
  /** Empty while nothing has come. */
  readonly file: string
  /** The boot in which it was written: after another one the bytes are read again, never trusted. */
  readonly boot: string
}

const SETTLED_LIMIT_BYTES = 4096
const NUMBERED = /^(claim|settled|data|next)\.(\d{8})$/
const ID_SHAPE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export class SessionFiles {
  readonly #fs: Fs
  readonly #keys: Keys

  constructor(options: { fs: Fs; keys: Keys }) {
    this.#fs = options.fs
    this.#keys = options.keys
  }

  /** Makes the folder and its first settled state; neither stays when that fails. */
  async begin(id: string, state: Settled): Promise<void> {
    const folder = this.#keys.upload(id)
    await this.#fs.makeDirectory(folder)
    try {
      this.#fs.createNow(this.path(id, 'settled', state.generation), Buffer.from(JSON.stringify(state)))
    } catch (error) {
      await removeTree(this.#fs, folder).catch(() => undefined) // the first failure is the one to report
      throw error
    }
  }

  path(id: string, kind: 'claim' | 'settled' | 'data' | 'next', generation: number): string {
    return `${this.#keys.upload(id)}/${kind}.${String(generation).padStart(8, '0')}`
  }

  /** The last settled state of a session; undefined when there is none of that name. */
  async find(id: string): Promise<{ state: Settled; newest: number } | undefined> {
    if (!ID_SHAPE.test(id)) return undefined
    // Between the listing and the reading a writer may settle anew and remove the older state: list again.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const numbers = await this.#numbers(id)
      if (numbers === undefined || numbers.settled < 0) return undefined
      const path = this.path(id, 'settled', numbers.settled)
      const bytes = readDamagedAsEmptyNow(this.#fs, path, SETTLED_LIMIT_BYTES)
      const state = bytes && parseSettled(bytes)
      if (state) return { state, newest: numbers.newest }
    }
    return undefined
  }

  /**
   * Becomes the only writer of the generation after the one that this process has settled; false when the session
   * has moved on. Whoever settles a later one removes ours, so that its presence says that none was.
   */
  claimAfter(id: string, settled: number): boolean {
    if (!this.#makeClaim(id, settled + 1)) return false
    if (this.#has(id, 'settled', settled) && !this.#has(id, 'settled', settled + 1)) return true
    this.#fs.unlinkNow(this.path(id, 'claim', settled + 1))
    return false
  }

  /** Becomes the only writer of a generation, the newest that was found being one less; false when another was faster. */
  async claim(id: string, generation: number): Promise<boolean> {
    if (!this.#makeClaim(id, generation)) return false
    // An older claim may have been cleaned away since we listed: only the newest generation owns the session.
    const now = await this.#numbers(id)
    if (now?.newest === generation && now.settled < generation) return true
    this.#fs.unlinkNow(this.path(id, 'claim', generation))
    return false
  }

  /** False when somebody has it, or the session is gone. */
  #makeClaim(id: string, generation: number): boolean {
    try {
      return this.#fs.createNow(this.path(id, 'claim', generation), new Uint8Array())
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /** True when the session has gone on without the writer of `generation`, who began at the state `previous`. */
  isOvertaken(id: string, generation: number, previous: number): boolean {
    return !this.#has(id, 'settled', previous) || this.#has(id, 'claim', generation + 1)
  }

  /** What to say to the writer of `generation`, who misses something of the session: another goes on with it, or it has ended. */
  async whyLost(id: string, generation: number, cause?: unknown): Promise<RegistryError> {
    const found = await this.find(id)
    const failure = (found?.newest ?? -1) > generation ? 'upload-taken-over' : 'upload-unknown'
    return new RegistryError(failure, { upload: id }, { cause })
  }

  #has(id: string, kind: 'claim' | 'settled', generation: number): boolean {
    return this.#fs.statNow(this.path(id, kind, generation)) !== undefined
  }

  /** Publishes where the session stands, `previous` being the state it went on from. @throws code `ENOENT` when the session has ended */
  settle(id: string, state: Settled, previous: number): void {
    const { generation } = state
    const next = this.path(id, 'next', generation)
    this.#fs.createNow(next, Buffer.from(JSON.stringify(state)))
    this.#fs.renameNow(next, this.path(id, 'settled', generation))
    this.#fs.unlinkNow(this.path(id, 'claim', generation))
    this.#fs.unlinkNow(this.path(id, 'settled', previous))
  }

  /** Ends a session whose data has been committed: its two last files, and the folder. */
  async end(id: string, generation: number, previous: number, temporary: string): Promise<void> {
    this.#fs.unlinkNow(this.path(id, 'settled', previous))
    this.#fs.unlinkNow(this.path(id, 'claim', generation))
    const outcome = await this.#fs.removeDirectory(this.#keys.upload(id))
    if (outcome === 'not-empty') await this.remove(id, temporary)
  }

  /** Takes the whole folder away in one step, then empties it. False when it was gone. */
  async remove(id: string, temporary: string): Promise<boolean> {
    if (!ID_SHAPE.test(id)) return false
    try {
      await this.#fs.rename(this.#keys.upload(id), temporary)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
    await removeTree(this.#fs, temporary)
    return true
  }

  async ids(): Promise<readonly string[]> {
    return ((await this.#fs.list(this.#keys.upload(''))) ?? []).map(({ name }) => name)
  }

  /** Every file counts: a power cut may have taken a claim and left what its writer made, whose name is used up. */
  async #numbers(id: string): Promise<{ settled: number; newest: number } | undefined> {
    const entries = await this.#fs.list(this.#keys.upload(id))
    if (entries === undefined) return undefined
    let settled = -1
    let newest = -1
    for (const { name } of entries) {
      const [, kind, digits] = NUMBERED.exec(name) ?? []
      if (kind === undefined) continue
      newest = Math.max(newest, Number(digits))
      if (kind === 'settled') settled = Math.max(settled, Number(digits))
    }
    return { settled, newest }
  }
}

/** A state that a crash has torn is no state: undefined. */
function parseSettled(bytes: Buffer): Settled | undefined {
  try {
    const json = JSON.parse(bytes.toString()) as Record<string, unknown>
    const repository = findRepositoryName(String(json['repository']))
    const digest = findDigest(String(json['digest']))
    if (repository === undefined || digest === undefined) return undefined
    return {
      repository,
      digest,
      startedAtMs: Number(json['startedAtMs']),
      generation: Number(json['generation']),
      algorithm: parseAlgorithm(String(json['algorithm'])),
      offset: Number(json['offset']),
      file: String(json['file']),
      boot: String(json['boot']),
    }
  } catch {
    return undefined
  }
}
