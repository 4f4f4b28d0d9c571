import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { z } from 'zod'

import { errorCode } from '../system/error-code.js'
import type { Clock } from '../system/clock.js'
import { LogFiles } from './log-files.js'
import { findLoggedRequest } from './log-line.js'
import { readSeenClients, type SeenClient, SeenClients } from './seen-clients.js'
import { openTrafficMetrics, type TrafficMetrics } from './traffic-metrics.js'

/** A log of nginx, and when it is closed and the next one begun. */
export interface LogLimit {
  readonly name: string
  readonly bytes: number
  /** Older files that are kept beside it. */
  readonly kept: number
}

/** Where nginx logs, and how its logs are closed. The last three are for tests. */
export interface TrafficOptions {
  /** The folder of nginx's logs. */
  readonly folder: string
  /** What is remembered over a restart. */
  readonly stateFile: string
  /** Closes a log, so that nginx begins another one, and the oldest goes; where it is gone already, nginx is told. */
  readonly rotate: (log: LogLimit) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: readonly LogLimit[]
  readonly everyMs?: number
  /** So much of the log is read between two looks at its size. */
  readonly partBytes?: number
}

const MIB = 1024 * 1024
const ACCESS_LOG = 'access.log'
/** Together less than 400 MiB, unless they grow faster than they are read. */
const LIMITS: readonly LogLimit[] = [
  { name: ACCESS_LOG, bytes: 64 * MIB, kept: 4 },
  { name: 'error.log', bytes: 8 * MIB, kept: 2 },
]
/** A flood makes files larger than their limits: at so many times their sum the oldest goes, read or not. */
const MOST_TIMES = 1.6
const PART_BYTES = 16 * MIB
/** Whoever asks for numbers in a flood gets those of a moment ago. */
const CATCH_UP_MS = 2000
const EVERY_MS = 1000
const KEPT_EVERY_MS = 5000
/** A disk that is full, or a folder that cannot be read, is no news every second. */
const SAID_EVERY_MS = 60_000

const state = z.object({ bookmarks: z.record(z.string(), z.int().min(0)), clients: z.unknown() })

/**
 * Follows what nginx logs: counts it, remembers who has pulled, and keeps the files small. It needs neither Postgres nor
 * nginx, and what is logged while nobody reads is read later.
 */
export class Traffic {
  readonly register = new Registry()
  readonly #options: TrafficOptions
  readonly #metrics: TrafficMetrics
  readonly #stopping = new AbortController()
  #files: LogFiles
  #clients = new SeenClients()
  #turn: Promise<unknown> = Promise.resolve()
  #ended: Promise<void> = Promise.resolve()
  #isChanged = false
  #keptAtMs = -Infinity
  #saidAtMs = -Infinity

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#metrics = openTrafficMetrics(this.register)
    this.#files = this.#filesFrom({})
  }

  /** Goes on where it was stopped; answers once it knows where that was. */
  async start(): Promise<void> {
    const { bookmarks, clients } = await this.#remembered()
    this.#files = this.#filesFrom(bookmarks)
    this.#clients = new SeenClients(clients)
    // Of what is there before the first start only the end counts, so it is looked at before anything is added.
    await this.#attempt(async () => void (await this.#alone(() => this.#read())))
    this.#ended = this.#follow()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#ended
    await this.#attempt(async () => {
      await this.catchUp()
      await this.#keep()
    })
  }

  /** Everything that nginx has logged so far is counted then, unless that takes seconds. */
  async catchUp(): Promise<void> {
    const { clock } = this.#options
    const begunMs = clock.elapsedMs()
    for (;;) {
      const isAll = await this.#alone(() => this.#read())
      if (isAll || clock.elapsedMs() - begunMs >= CATCH_UP_MS) return
    }
  }

  /** Who has pulled, the last one first. */
  seen(): readonly SeenClient[] {
    return this.#clients.list()
  }

  async #follow(): Promise<void> {
    const { clock, everyMs = EVERY_MS } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      let isAll = true
      await this.#attempt(async () => {
        // A large log is closed before it is read: reading takes a while, and a closed one is read all the same.
        isAll = await this.#alone(async () => {
          await this.#attempt(() => this.#rotate())
          return this.#read()
        })
        if (clock.elapsedMs() - this.#keptAtMs >= KEPT_EVERY_MS) await this.#keep()
      })
      if (isAll) await clock.sleep(everyMs, signal).catch(() => undefined) // told to stop
    }
  }

  /** Answers whether that was all; otherwise there is more at once. */
  async #read(): Promise<boolean> {
    const { bytes, isAll } = await this.#files.read((line) => {
      const request = findLoggedRequest(line)
      if (request === undefined) return this.#metrics.countUnreadable()
      this.#metrics.count(request)
      this.#clients.note(request)
    }, this.#options.partBytes ?? PART_BYTES)
    if (bytes > 0) this.#isChanged = true
    return isAll
  }

  async #rotate(): Promise<void> {
    const { folder, limits = LIMITS, rotate } = this.#options
    for (const limit of limits) {
      const bytes = await findSize(path.join(folder, limit.name))
      if (bytes === undefined) {
        // Somebody was killed between renaming it and telling nginx, which writes on into the one before.
        const before = await findSize(path.join(folder, `${limit.name}.1`))
        if (before !== undefined) await rotate(limit)
        continue
      }
      await this.#limitTotal(limit, bytes)
      if (bytes < limit.bytes) continue
      if (limit.name === ACCESS_LOG) await this.#letGo(`${limit.name}.${limit.kept}`)
      await rotate(limit)
      this.#metrics.countRotation(limit.name)
    }
  }

  /** Of the closed files, the oldest first; the one that is written to is closed first. */
  async #limitTotal({ name, bytes, kept }: LogLimit, openBytes: number): Promise<void> {
    const { folder } = this.#options
    let total = openBytes
    for (let number = 1; number <= kept; number++) {
      const older = `${name}.${number}`
      total += (await findSize(path.join(folder, older))) ?? 0
      if (total <= bytes * (kept + 1) * MOST_TIMES) continue
      if (name === ACCESS_LOG) await this.#letGo(older)
      await rm(path.join(folder, older), { force: true })
    }
  }

  /** Before it is removed: the next file may be given its number, and would be taken for it, also after a kill. */
  async #letGo(name: string): Promise<void> {
    this.#metrics.countLost(await this.#files.forget(name))
    this.#isChanged = true
    await this.#attempt(() => this.#keep()) // a disk that this log has filled takes no state, and it goes all the same
  }

  async #keep(): Promise<void> {
    if (!this.#isChanged) return
    const { stateFile, clock } = this.#options
    this.#isChanged = false
    this.#keptAtMs = clock.elapsedMs()
    const text = JSON.stringify({ bookmarks: this.#files.bookmarks, clients: this.#clients.list() })
    await writeFile(`${stateFile}.new`, text, { mode: 0o600 })
    await rename(`${stateFile}.new`, stateFile)
  }

  async #remembered() {
    try {
      const text = await readFile(this.#options.stateFile, 'utf8')
      const { bookmarks, clients } = state.parse(JSON.parse(text))
      return { bookmarks, clients: readSeenClients(clients) }
    } catch {
      return { bookmarks: {}, clients: [] } // the first start, or a file that somebody has spoiled: nothing that lasts
    }
  }

  #filesFrom(bookmarks: Readonly<Record<string, number>>): LogFiles {
    const { folder, limits = LIMITS } = this.#options
    const mostBytes = limits.find(({ name }) => name === ACCESS_LOG)?.bytes ?? 64 * MIB
    return new LogFiles({ folder, name: ACCESS_LOG, mostBytes }, bookmarks)
  }

  /** One at a time, in their order. */
  #alone<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run)
    this.#turn = done.catch(() => undefined) // whoever asked hears of it
    return done
  }

  /** What fails is tried again: the log has its own time, and serving none of it. */
  async #attempt(run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options
    try {
      await run()
    } catch (error) {
      if (clock.elapsedMs() - this.#saidAtMs < SAID_EVERY_MS) return
      this.#saidAtMs = clock.elapsedMs()
      log.warn({ err: error }, 'the log of nginx cannot be followed: it is tried again each second')
    }
  }
}

async function findSize(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
