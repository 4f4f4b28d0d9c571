/** A queue in which addresses take turns: whoever sends a lot from one does not keep all others waiting. */
export class FairQueue<T> {
  readonly #limit: number
  /** By address, in the order of their turns; each has one at least. */
  readonly #waiting = new Map<string, T[]>()
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  countOf(address: string): number {
    return this.#waiting.get(address)?.length ?? 0
  }

  /** Who has no place any more: when it is full, the last one of the address that has most. */
  add(address: string, one: T): T | undefined {
    const own = this.#waiting.get(address)
    if (own === undefined) this.#waiting.set(address, [one])
    else own.push(one)
    this.#size += 1
    return this.#size > this.#limit ? this.#dropLast() : undefined
  }

  /** The next one of the address whose turn it is. */
  take(): T | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [address, [one, ...others]] = first
    this.#waiting.delete(address)
    if (others.length > 0) this.#waiting.set(address, others)
    this.#size -= 1
    return one
  }

  #dropLast(): T | undefined {
    let [most, length] = ['', 0]
    for (const [address, { length: own }] of this.#waiting) if (own >= length) [most, length] = [address, own]
    const dropped = this.#waiting.get(most)?.pop()
    if (length === 1) this.#waiting.delete(most)
    this.#size -= 1
    return dropped
  }
}
