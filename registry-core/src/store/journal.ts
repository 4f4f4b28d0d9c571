import type { Clock } from '../system/clock.js'
import type { Identity } from '../system/identity.js'
import type { Log } from '../system/log.js'
import type { Fs, OpenFile } from './fs.js'
import type { JournalActor, JournalEntry, JournalEvent, JournalPortion } from './journal-entry.js'
import type { Journal } from './store.js'

const FILE_LIMIT_BYTES = 16 * 1024 * 1024
const KEPT_FILES = 32
const PORTION_BYTES = 1024 * 1024
/** Entries that wait for a disk that does not take them; more are dropped, and an entry says so. */
const WAITING_LIMIT = 100_000

/** Somebody may take the name of a file away while we write to it this often before we give up. */
const ATTEMPTS = 4
/** Who says that entries were lost. */
const NOBODY: JournalActor = {
  ...{ requestId: '', remoteAddress: '', method: '', userAgent: '', account: '', origin: '' },
}

/** Where a reader stands: bytes read of each file. */
type Cursor = Readonly<Record<string, number>>

/**
 * `entrepot/journal/<runId>.<process>.ndjson`: each process appends to files of its own, a line an entry. Not synced: a power
 * cut may take the last seconds, and whoever needs more rebuilds from the store, which is the truth (ADR 0002).
 */
export class FileJournal implements Journal {
  readonly #options: { fs: Fs; folder: string; clock: Clock; identity: Identity; log: Log }
  #waiting: string[] = []
  #writing: Promise<void> | undefined
  #file: { readonly path: string; readonly opened: OpenFile } | undefined
  #sizeBytes = 0
  /** Entries that were dropped since the last one that was written. */
  #lost = 0
  readonly #listeners = new Set<() => void>()
  lastNumber = 0

  constructor(options: { fs: Fs; folder: string; clock: Clock; identity: Identity; log: Log }) {
    this.#options = options
  }

  get part(): string {
    return this.#options.identity.process
  }

  append(event: JournalEvent, actor: JournalActor): void {
    this.lastNumber += 1
    if (this.#waiting.length >= WAITING_LIMIT) this.#lost += 1
    else this.#waiting.push(this.#lineOf(this.lastNumber, event, actor))
    this.#start()
  }

  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #lineOf(number: number, event: JournalEvent, actor: JournalActor): string {
    const entry: JournalEntry = { number, time: this.#options.clock.now().toISOString(), event, actor }
    return `${JSON.stringify(entry)}\n`
  }

  #start(): void {
    this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#waiting
      this.#waiting = []
      try {
        await this.#writeEntries(entries)
        for (const listener of this.#listeners) listener()
      } catch (error) {
        this.#lost += entries.length
        await this.#close().catch(() => undefined)
        this.#options.log.warn({ err: error }, 'the journal could not be written: its readers will rebuild')
      }
    }
    this.#writing = undefined // at once: an entry that came between the last look and a later end would wait
  }

  /** After a gap the first entry says that there was one: a reader that meets it rebuilds. */
  async #writeEntries(entries: readonly string[]): Promise<void> {
    const lost = this.#lost
    const gap = lost === 0 ? '' : this.#lineOf(0, { kind: 'entries-lost', count: lost }, NOBODY)
    await this.#writeLines(Buffer.from(gap + entries.join('')))
    this.#lost -= lost
  }

  /**
   * Another process that starts often takes the oldest names away, ours too when we were quiet for long: what was
   * written to a file without a name nobody reads, so it is written again to a new one.
   */
  async #writeLines(lines: Buffer): Promise<void> {
    if (this.#sizeBytes > FILE_LIMIT_BYTES) await this.#close()
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      this.#file ??= await this.#open()
      const { path, opened } = this.#file
      await opened.write([lines], 0)
      this.#sizeBytes += lines.length
      if (this.#options.fs.statNow(path) !== undefined) return
      await this.#close()
    }
    throw new Error('the files of the journal vanish while they are written')
  }

  async #open(): Promise<{ readonly path: string; readonly opened: OpenFile }> {
    const { fs, folder, identity } = this.#options
    const path = `${folder}/${identity.newRunId()}.${identity.process}.ndjson`
    const opened = await fs.openToAppend(path)
    try {
      await this.#prune()
    } catch (error) {
      this.#options.log.warn({ err: error }, 'old files of the journal could not be removed')
    }
    return { path, opened }
  }

  async #prune(): Promise<void> {
    const { fs, folder } = this.#options
    for (const name of (await this.#names()).slice(0, -KEPT_FILES)) await fs.unlink(`${folder}/${name}`)
  }

  /** Run ids begin with the time, so that names sort by age. */
  async #names(): Promise<readonly string[]> {
    const { fs, folder } = this.#options
    return ((await fs.list(folder)) ?? []).map(({ name }) => name).sort()
  }

  async read(
    text: string | undefined,
  ): Promise<{ readonly entries: readonly JournalEntry[]; readonly cursor: string } | undefined> {
    const cursor = text === undefined ? {} : parseCursor(text)
    const names = await this.#names()
    if (cursor === undefined || Object.keys(cursor).some((name) => !names.includes(name))) return undefined
    const next: Record<string, number> = {}
    const entries: JournalEntry[] = []
    for (const name of names) {
      const from = cursor[name] ?? 0
      next[name] = from
      if (entries.length > 0 && from === 0 && !(name in cursor)) continue
      const portion = await this.#readPortion(name, from)
      next[name] = from + portion.bytes
      entries.push(...portion.entries)
    }
    entries.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    return { entries, cursor: Buffer.from(JSON.stringify(next)).toString('base64url') }
  }

  async readPart(part: string, position: string | undefined): Promise<JournalPortion> {
    const names = (await this.#names()).filter((name) => partOf(name) === part)
    const asked = position === undefined ? undefined : parsePosition(position)
    const isLost = asked !== undefined && !names.includes(asked.name)
    // Listed before it is read: where a later file is known, nothing is added to an earlier one any more.
    for (const name of names.filter((each) => asked === undefined || each >= asked.name)) {
      const from = name === asked?.name ? asked.offset : 0
      const { bytes, entries } = await this.#readPortion(name, from)
      if (entries.length > 0) return { entries, position: `${name}:${from + bytes}`, isLost }
    }
    return { entries: [], position, isLost }
  }

  /** Whole lines only: what a crash has torn off is no entry. */
  async #readPortion(name: string, from: number): Promise<{ bytes: number; entries: JournalEntry[] }> {
    const file = await this.#options.fs.openToRead(`${this.#options.folder}/${name}`)
    if (file === undefined) return { bytes: 0, entries: [] }
    try {
      const buffer = Buffer.alloc(PORTION_BYTES)
      const bytes = await file.read(buffer, from)
      const whole = buffer.lastIndexOf(0x0a, bytes - 1) + 1
      const lines = buffer.subarray(0, whole).toString().split('\n')
      return { bytes: whole, entries: lines.flatMap(parseEntry) }
    } finally {
      await file.close()
    }
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#sizeBytes = 0
    await file?.opened.close()
  }

  /** The last chance to say that something is missing. */
  async close(): Promise<void> {
    await this.flush()
    if (this.#lost > 0) await this.#writeEntries([]).catch(() => undefined)
    await this.#close()
  }
}

function parseEntry(line: string): JournalEntry[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as JournalEntry]
  } catch {
    return []
  }
}

/** The process that wrote a file; older versions did not say. */
function partOf(name: string): string | undefined {
  return name.split('.').at(-2)
}

function parsePosition(text: string): { readonly name: string; readonly offset: number } {
  const colon = text.lastIndexOf(':')
  return { name: text.slice(0, Math.max(0, colon)), offset: Number(text.slice(colon + 1)) || 0 }
}

function parseCursor(text: string): Cursor | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof json === 'object' && json !== null ? (json as Cursor) : undefined
  } catch {
    return undefined
  }
}
