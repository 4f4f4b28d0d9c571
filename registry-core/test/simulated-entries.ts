import type { Chance } from './seeded-chance.js'

/** How a file system forgets directory entries that nobody has synced. */
export type SurvivalMode =
  /** As ext4's journal: what survives is a prefix of all metadata operations. */
  | 'ordered'
  /** As little as POSIX promises: of each directory any of them, none, or all. */
  | 'weak'

type Entries = ReadonlyMap<string, number>

interface EntryChange {
  readonly directory: number
  readonly name: string
  /** Undefined: the name goes. */
  readonly inode: number | undefined
}

/** Changes that happen together or not at all: a rename is two. */
interface Operation {
  readonly changes: readonly EntryChange[]
  readonly isDurable: boolean
}

/** Which directory entries a power cut leaves. */
export class EntryJournal {
  readonly #durable: Map<number, Entries>
  #pending: readonly Operation[]

  constructor(durable: ReadonlyMap<number, Entries> = new Map(), pending: readonly Operation[] = []) {
    this.#durable = new Map(durable)
    this.#pending = pending
  }

  clone(): EntryJournal {
    return new EntryJournal(this.#durable, this.#pending)
  }

  record(...changes: readonly EntryChange[]): void {
    this.#pending = [...this.#pending, { changes, isDurable: false }]
  }

  /** fsync of a directory: what was done to its entries survives from now on. */
  sync(directory: number): void {
    this.#pending = this.#pending.map((operation) =>
      !operation.isDurable && operation.changes.some((change) => change.directory === directory)
        ? { ...operation, isDurable: true }
        : operation,
    )
    const first = this.#pending.findIndex(({ isDurable }) => !isDurable)
    const settled = first === -1 ? this.#pending : this.#pending.slice(0, first)
    for (const operation of settled) apply(this.#durable, operation)
    this.#pending = this.#pending.slice(settled.length)
  }

  /** The entries of every directory after a power cut. */
  afterPowerCut(mode: SurvivalMode, chance: Chance): ReadonlyMap<number, Entries> {
    const result = new Map(this.#durable)
    for (const operation of this.#survivors(mode, chance)) apply(result, operation)
    return result
  }

  #survivors(mode: SurvivalMode, chance: Chance): readonly Operation[] {
    if (mode === 'ordered') {
      const certain = this.#pending.findLastIndex(({ isDurable }) => isDurable) + 1
      return this.#pending.slice(0, certain + chance.below(this.#pending.length - certain + 1))
    }
    const probability = chance.pick([0, 0.2, 0.5, 0.8, 1])
    return this.#pending.filter(({ isDurable }) => isDurable || chance.happens(probability))
  }
}

function apply(entries: Map<number, Entries>, { changes }: Operation): void {
  for (const { directory, name, inode } of changes) {
    const names = new Map(entries.get(directory))
    if (inode === undefined) names.delete(name)
    else names.set(name, inode)
    entries.set(directory, names)
  }
}
