import type { Bookmarks } from '../store/bookmarks.js'
import type { Journal } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'

/** Synced no more often: what a crash makes us send again happened within this time. */
const KEEP_EVERY_MS = 1000

/** How far a reader has come in one part of the journal. */
export interface Place {
  readonly part: string
  /** Where the portion begins that is being read. */
  readonly position: string | undefined
  /** The last entry that is done with. */
  readonly number: number
  /** The last entry that the part is known to have had. */
  readonly last: number
}

export interface PlacesOptions {
  /** 16 hex digits. */
  readonly reader: string
  readonly journal: Journal
  readonly bookmarks: Bookmarks
  readonly clock: Clock
  readonly log: Log
}

/**
 * Where a reader of the journal stands: in our own part, and in those that dead processes have left. A disk that takes
 * no bookmarks costs repetitions after a crash, nothing else.
 */
export class Places {
  readonly #options: PlacesOptions
  /** What others have left comes first: it is older. */
  #adopted: readonly Place[] = []
  #own: Place
  #isKept = false
  #keptAtMs = Number.NEGATIVE_INFINITY

  /** @param from the newest entry of this process that the reader need not see */
  constructor(options: PlacesOptions, from: number) {
    this.#options = options
    this.#own = { part: options.journal.part, position: undefined, number: from, last: from }
  }

  /** In the order of reading. */
  get all(): readonly Place[] {
    return [...this.#adopted, this.#own]
  }

  /** Entries of this process that the reader has still to see. */
  get pending(): number {
    return Math.max(0, this.#options.journal.lastNumber - this.#own.number)
  }

  /** All that was moved is on the disk. */
  get isKept(): boolean {
    return this.#isKept
  }

  /** Leaves word that this process reads its own part, before there is anything in it. */
  async begin(): Promise<void> {
    await this.#tolerantly(() => this.#options.bookmarks.appear())
    await this.#keepAll([this.#own])
  }

  /** Takes over what dead processes have left; true when there was something. */
  async adopt(): Promise<boolean> {
    const { bookmarks, reader, log } = this.#options
    let adopted: readonly Place[] = []
    await this.#tolerantly(async () => {
      adopted = (await bookmarks.adopt(reader)).map(({ part, text }) => parsePlace(part, text))
    })
    for (const { part } of adopted) log.info({ reader, part }, 'going on where a process that ended stood')
    this.#adopted = [...this.#adopted, ...adopted]
    return adopted.length > 0
  }

  move(place: Place): void {
    this.#isKept = false
    if (place.part === this.#own.part) this.#own = place
    else this.#adopted = this.#adopted.map((each) => (each.part === place.part ? place : each))
  }

  /** Another process's part was read to its end: nobody writes there any more. */
  async finish({ part }: Place): Promise<void> {
    if (part === this.#own.part) return
    this.#adopted = this.#adopted.filter((each) => each.part !== part)
    await this.#tolerantly(() => this.#options.bookmarks.drop(this.#options.reader, part))
  }

  /** Writes down where we stand, once a second at most. */
  async keepWhenDue(): Promise<void> {
    if (this.#isKept || this.#options.clock.elapsedMs() - this.#keptAtMs < KEEP_EVERY_MS) return
    await this.#keepAll([...this.#adopted.slice(0, 1), this.#own])
  }

  /** Whoever takes over from us can say how much is missing, should the journal not keep it. */
  async keepPending(): Promise<void> {
    if (this.pending > 0) await this.#keepAll([this.#own])
  }

  /** The end: what is left belongs to the next process. */
  async leave(): Promise<void> {
    const { bookmarks, reader } = this.#options
    await this.#keepAll(this.all)
    if (this.pending === 0) await this.#tolerantly(() => bookmarks.drop(reader, this.#own.part))
  }

  /** Nobody reads on: nothing of it stays. */
  async abandon(): Promise<void> {
    for (const { part } of this.all)
      await this.#tolerantly(() => this.#options.bookmarks.drop(this.#options.reader, part))
  }

  async #keepAll(places: readonly Place[]): Promise<void> {
    const { bookmarks, reader, clock } = this.#options
    this.#isKept = true // what moves meanwhile is not
    this.#keptAtMs = clock.elapsedMs()
    await this.#tolerantly(async () => {
      for (const place of places)
        if (!(await bookmarks.keep(reader, place.part, this.#textOf(place))))
          this.#adopted = this.#adopted.filter(({ part }) => part !== place.part) // somebody took us for dead
    })
  }

  #textOf({ part, position, number, last }: Place): string {
    const { journal } = this.#options
    return JSON.stringify({ position, number, last: part === journal.part ? journal.lastNumber : last })
  }

  async #tolerantly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const { log, reader } = this.#options
      log.warn({ err: error, reader }, 'where a reader of the journal stands could not be written down')
    }
  }
}

/** What cannot be read is from the beginning: rather twice than never. */
function parsePlace(part: string, text: string): Place {
  const { position, number, last } = parseLoose(text)
  return {
    part,
    position: typeof position === 'string' ? position : undefined,
    number: typeof number === 'number' ? number : 0,
    last: typeof last === 'number' ? last : 0,
  }
}

function parseLoose(text: string): { readonly [K in keyof Place]?: unknown } {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? json : {}
  } catch {
    return {}
  }
}
