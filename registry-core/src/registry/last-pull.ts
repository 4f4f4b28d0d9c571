import type { Digest } from '../oci/digest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import { errorCode } from '../store/fs.js'
import type { Links } from '../store/store.js'

const WRITE_EVERY_MS = 60_000

/** Errors that the next one would meet too. */
const TAKES_NOTHING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])

/** When each manifest was last pulled: kept in memory, written once a minute at most, in one batch (gc-protocol §2). */
export class LastPulls {
  readonly #links: Links
  readonly #clock: Clock
  readonly #log: Log
  readonly #stop: () => void
  #waiting = new Map<string, { repository: RepositoryName; digest: Digest; time: Date }>()

  constructor(options: { links: Links; clock: Clock; log: Log }) {
    this.#links = options.links
    this.#clock = options.clock
    this.#log = options.log
    this.#stop = options.clock.every(WRITE_EVERY_MS, () => this.write())
  }

  note(repository: RepositoryName, digest: Digest): void {
    this.#waiting.set(`${repository}@${digest}`, { repository, digest, time: this.#clock.now() })
  }

  /** One that cannot be written does not hold up the others; a full or read-only disk keeps all of them waiting. */
  async write(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = new Map()
    for (const [key, { repository, digest, time }] of batch)
      try {
        await this.#links.touchPull(repository, digest, time)
        batch.delete(key)
      } catch (error) {
        this.#log.warn({ err: error, repository, digest }, 'the time of a pull could not be written')
        if (TAKES_NOTHING.has(errorCode(error) ?? '')) {
          this.#waiting = new Map([...batch, ...this.#waiting]) // what was pulled again meanwhile is newer
          return
        }
        batch.delete(key)
      }
  }

  async close(): Promise<void> {
    this.#stop()
    await this.write()
  }
}
