import { createHash } from 'node:crypto'
import { type Algorithm, type Digest, digestOfBytes } from '../../../oci/digest.js'
import { RegistryError } from '../../../oci/failure.js'
import type { RepositoryName } from '../../../oci/repository.js'
import { BoundedMap } from '../../../system/bounded-map.js'
import type { Clock } from '../../../system/clock.js'
import type { Identity } from '../../../system/identity.js'
import type { Random } from '../../../system/random.js'
import type { Keys } from '../../keys.js'
import type { Stage, Stages, StageState } from '../../store.js'
import { commitFile } from '../commit.js'
import type { Durable } from '../durable.js'
import { SessionFiles, type Settled } from './session-files.js'
import { FileStage } from './stage.js'
import type { Resumable } from './stage-parts.js'
import type { WriteHealth } from '../write-health.js'

/** Hashes kept for sessions that are between two requests; an older one is read again when it goes on. */
const RESUMABLE_LIMIT = 10_000
/** Two processes that race for a session: one wins each round. */
const CLAIM_ROUNDS = 16

interface Active {
  readonly abort: AbortController
  readonly ended: Promise<void>
}

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly health: WriteHealth
  readonly clock: Clock
  readonly random: Random
  readonly identity: Identity
}

/** Upload sessions: one writer each, whatever processes take part (ADR 0003). */
export class FileStages implements Stages {
  readonly #options: Options
  readonly #files: SessionFiles
  readonly #active = new Map<string, Active>()
  readonly #resumable = new BoundedMap<Resumable>(RESUMABLE_LIMIT)

  constructor(options: Options) {
    this.#options = options
    this.#files = new SessionFiles({ fs: options.durable.fs, keys: options.keys })
  }

  async begin(repository: RepositoryName, algorithm: Algorithm): Promise<string> {
    const upload = this.#options.random.uuid()
    const state: Settled = {
      repository,
      algorithm,
      startedAtMs: this.#options.clock.now().getTime(),
      generation: 0,
      offset: 0,
      digest: digestOfBytes(algorithm, new Uint8Array()),
      file: '',
      boot: this.#options.identity.boot,
    }
    await this.#files.begin(upload, state)
    this.#resumable.set(upload, { state, hash: createHash(algorithm) })
    return upload
  }

  async find(repository: RepositoryName, upload: string): Promise<StageState | undefined> {
    const found = await this.#files.find(upload)
    if (found === undefined || found.state.repository !== repository) return undefined
    return { upload, offset: found.state.offset, startedAt: new Date(found.state.startedAtMs) }
  }

  async claim(repository: RepositoryName, upload: string, signal: AbortSignal): Promise<Stage | undefined> {
    for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
      await this.#endOlder(upload)
      const kept = this.#resumable.get(upload)
      this.#resumable.delete(upload)
      if (kept?.state.repository === repository && this.#files.claimAfter(upload, kept.state.generation))
        return this.#open(upload, kept.state, kept.state.generation + 1, signal, kept)
      const found = await this.#files.find(upload)
      if (found === undefined || found.state.repository !== repository) return undefined
      const generation = found.newest + 1
      if (this.#active.has(upload) || !(await this.#files.claim(upload, generation))) continue
      return this.#open(upload, found.state, generation, signal, undefined)
    }
    throw new RegistryError('upload-taken-over', { upload })
  }

  /** Another request may begin to wait while we do: whoever comes last goes on. */
  async #endOlder(upload: string): Promise<void> {
    for (let older = this.#active.get(upload); older; older = this.#active.get(upload)) {
      older.abort.abort()
      await older.ended
    }
  }

  #open(
    upload: string,
    previous: Settled,
    generation: number,
    signal: AbortSignal,
    resumable: Resumable | undefined,
  ): Stage {
    const { durable, health, identity, keys } = this.#options
    const abort = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const active: Active = { abort, ended }
    this.#active.set(upload, active)
    return new FileStage({
      upload,
      previous,
      generation,
      signal: AbortSignal.any([signal, abort.signal]),
      resumable,
      parts: {
        fs: durable.fs,
        files: this.#files,
        health,
        boot: identity.boot,
        active: () => this.#active.size,
        commit: (digest: Digest, path: string, sizeBytes: number) =>
          commitFile({ keys, durable }, digest, path, sizeBytes),
        end: () => this.#files.end(upload, generation, previous.generation, durable.temporaryName()),
        whyLost: (cause) => this.#files.whyLost(upload, generation, cause),
        remove: async () => {
          if (!this.#files.isOvertaken(upload, generation, previous.generation))
            await this.#files.remove(upload, durable.temporaryName())
        },
        ended: (resumable) => {
          if (this.#active.get(upload) === active) this.#active.delete(upload)
          if (resumable !== undefined) this.#resumable.set(upload, resumable)
          resolve()
        },
      },
    })
  }

  async abort(repository: RepositoryName, upload: string): Promise<boolean> {
    await this.#endOlder(upload)
    if ((await this.find(repository, upload)) === undefined) return false
    this.#resumable.delete(upload)
    return this.#files.remove(upload, this.#options.durable.temporaryName())
  }

  async purge(limit: Date, signal: AbortSignal): Promise<number> {
    let purged = 0
    for await (const upload of this.#stale(limit, signal))
      if (await this.#files.remove(upload, this.#options.durable.temporaryName())) purged += 1
    return purged
  }

  async countStale(limit: Date, signal: AbortSignal): Promise<number> {
    return (await Array.fromAsync(this.#stale(limit, signal))).length
  }

  async *#stale(limit: Date, signal: AbortSignal): AsyncGenerator<string> {
    for (const upload of await this.#files.ids()) {
      signal.throwIfAborted()
      if (!this.#active.has(upload) && (await this.#isOlder(upload, limit))) yield upload
    }
  }

  /** A session without a readable state is as old as its folder. */
  async #isOlder(upload: string, limit: Date): Promise<boolean> {
    const found = await this.#files.find(upload)
    const { fs } = this.#options.durable
    const startedAtMs = found?.state.startedAtMs ?? fs.statNow(this.#options.keys.upload(upload))?.mtimeMs
    return startedAtMs !== undefined && startedAtMs < limit.getTime()
  }
}
