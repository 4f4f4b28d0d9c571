/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 512
/** Smaller pieces are copied: they may be slices of something large, which they would keep. */
const COPIED_BYTES = 4096
const NOTHING = Buffer.alloc(0)
const COMPACT_AFTER = 1024

interface Entry {
  readonly window: Window
  readonly at: number
  bytes: Buffer
  /** The ring holds it; otherwise it waits only to be written. */
  isRecent: boolean
  next: Entry | undefined
}

/** The bytes that came last, of all downloads of the process together: who follows closely reads no file. */
export class Ring {
  readonly #limitBytes: number
  #sizeBytes = 0
  #oldest: Entry | undefined
  #newest: Entry | undefined

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  open(): Window {
    return new Window({ add: (entry) => this.#add(entry), remove: (entry) => this.#remove(entry) })
  }

  #add(entry: Entry): void {
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.next = entry
    this.#newest = entry
    this.#sizeBytes += entry.bytes.length + ENTRY_BYTES
    while (this.#sizeBytes > this.#limitBytes && this.#oldest !== undefined) this.#dropOldest(this.#oldest)
  }

  #dropOldest(entry: Entry): void {
    this.#oldest = entry.next
    if (this.#oldest === undefined) this.#newest = undefined
    this.#remove(entry)
    entry.window.trim()
  }

  /** It stays in the chain, without bytes, until those before it have gone. */
  #remove(entry: Entry): void {
    if (!entry.isRecent) return
    entry.isRecent = false
    this.#sizeBytes -= entry.bytes.length + ENTRY_BYTES
  }
}

interface RingSide {
  readonly add: (entry: Entry) => void
  readonly remove: (entry: Entry) => void
}

/**
 * The last bytes of one download, without a gap: those in the ring, and those that are not settled yet (written to the
 * file, or taken by every reader where there is none).
 */
export class Window {
  readonly #ring: RingSide
  #entries: Entry[] = []
  #head = 0
  #end = 0
  #settled = 0

  constructor(ring: RingSide) {
    this.#ring = ring
  }

  /** Where the bytes begin. */
  get first(): number {
    return this.#entries[this.#head]?.at ?? this.#end
  }

  /** Bytes that nobody but us has. */
  get unsettledBytes(): number {
    return Math.max(0, this.#end - this.#settled)
  }

  /** Everything before is in the file. */
  begin(position: number): void {
    this.#end = position
    this.#settled = position
  }

  add(piece: Buffer): void {
    const bytes = piece.length < COPIED_BYTES ? Buffer.from(piece) : piece
    const entry: Entry = { window: this, at: this.#end, bytes, isRecent: true, next: undefined }
    this.#entries.push(entry)
    this.#end += bytes.length
    this.#ring.add(entry)
  }

  /** The bytes from `position` to the end of the piece that holds it; undefined when they are not here. */
  find(position: number): Buffer | undefined {
    if (position < this.first || position >= this.#end) return undefined
    let low = this.#head
    let high = this.#entries.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#entries[middle]?.at ?? 0) <= position) low = middle
      else high = middle - 1
    }
    const entry = this.#entries[low]
    return entry?.bytes.subarray(position - entry.at)
  }

  /** The bytes up to here, and no others, are elsewhere too. */
  settle(position: number): void {
    this.#settled = position
    this.trim()
  }

  /** Lets go of what is neither in the ring nor unsettled. */
  trim(): void {
    for (;;) {
      const entry = this.#entries[this.#head]
      if (entry === undefined || entry.isRecent || entry.at + entry.bytes.length > this.#settled) break
      entry.bytes = NOTHING
      this.#head += 1
    }
    if (this.#head < COMPACT_AFTER || this.#head * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }

  /** Nobody reads any more. */
  clear(): void {
    for (const entry of this.#entries.slice(this.#head)) {
      this.#ring.remove(entry)
      entry.bytes = NOTHING
    }
    this.#entries = []
    this.#head = 0
  }
}
