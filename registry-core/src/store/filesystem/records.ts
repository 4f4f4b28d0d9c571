import type { Clock } from '../../system/clock.js'
import type { Identity } from '../../system/identity.js'
import type { OpenFile } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Records } from '../store.js'
import type { Durable } from './durable.js'
import type { WriteHealth } from './write-health.js'

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly health: WriteHealth
  readonly clock: Clock
  readonly identity: Identity
}

interface Waiting {
  readonly line: string
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * What is removed on purpose, synced before it goes: `runs/<runId>.ndjson`, one a process and day. Only one write is
 * under way at a time; records that come meanwhile share the next one, and its fsync.
 */
export class FileRecords implements Records {
  readonly #options: Options
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #current: { readonly day: string; readonly file: OpenFile } | undefined

  constructor(options: Options) {
    this.#options = options
  }

  add(record: Readonly<Record<string, string | number | undefined>>): Promise<void> {
    const time = this.#options.clock.now().toISOString()
    return new Promise((done, failed) => {
      this.#waiting.push({ line: `${JSON.stringify({ time, ...record })}\n`, done, failed })
      this.#writing ??= this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch.map(({ line }) => line).join(''))
        for (const { done } of batch) done()
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    this.#writing = undefined // at once: a record that came between the last look and a later end would wait for ever
  }

  async #write(lines: string): Promise<void> {
    const file = await this.#fileOfToday()
    try {
      await file.write([Buffer.from(lines)], 0)
      await this.#options.health.watchSync(file.sync())
    } catch (error) {
      await this.#closeCurrent() // after a failed fsync the file is not written to again
      throw error
    }
  }

  async #fileOfToday(): Promise<OpenFile> {
    const { keys, durable, identity, clock } = this.#options
    const day = clock.now().toISOString().slice(0, 10)
    if (this.#current?.day === day) return this.#current.file
    await this.#closeCurrent()
    const folder = `${keys.own}/runs`
    const file = await durable.fs.openToAppend(`${folder}/${identity.newRunId()}.ndjson`)
    try {
      await durable.syncFolder(folder)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#current = { day, file }
    return file
  }

  async #closeCurrent(): Promise<void> {
    const file = this.#current?.file
    this.#current = undefined
    await file?.close()
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    await this.#closeCurrent()
  }
}
