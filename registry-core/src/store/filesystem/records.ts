import type { Clock } from '../../system/clock.js'
import type { Identity } from '../../system/identity.js'
import type { OpenFile } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Records } from '../store.js'
import type { Durable } from './durable.js'
import type { WriteHealth } from './write-health.js'

interface DayFile {
  readonly day: string
  readonly file: OpenFile
}

/** What is removed on purpose, synced before it goes: `runs/<runId>.ndjson`, one a process and day. */
export class FileRecords implements Records {
  readonly #options: { keys: Keys; durable: Durable; health: WriteHealth; clock: Clock; identity: Identity }
  #current: Promise<DayFile> | undefined

  constructor(options: {
    keys: Keys
    durable: Durable
    health: WriteHealth
    clock: Clock
    identity: Identity
  }) {
    this.#options = options
  }

  async add(record: Readonly<Record<string, string | number | undefined>>): Promise<void> {
    const time = this.#options.clock.now().toISOString()
    const { file } = await this.#fileOf(time.slice(0, 10))
    try {
      await file.write([Buffer.from(`${JSON.stringify({ time, ...record })}\n`)], 0)
      await this.#options.health.watchSync(file.sync())
    } catch (error) {
      this.#current = undefined // after a failed fsync the file is not written to again
      await file.close().catch(() => undefined)
      throw error
    }
  }

  /** Those who ask at the same time share one opening. */
  async #fileOf(day: string): Promise<DayFile> {
    const current = await this.#current
    if (current?.day === day) return current
    const opening = this.#open(day)
    this.#current = opening
    opening.catch(() => {
      if (this.#current === opening) this.#current = undefined
    })
    await current?.file.close()
    return opening
  }

  async #open(day: string): Promise<DayFile> {
    const { keys, durable, identity } = this.#options
    const folder = `${keys.own}/runs`
    const file = await durable.fs.openToAppend(`${folder}/${identity.newRunId()}.ndjson`)
    try {
      await durable.syncFolder(folder)
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
    return { day, file }
  }

  async close(): Promise<void> {
    const current = await this.#current
    this.#current = undefined
    await current?.file.close()
  }
}
