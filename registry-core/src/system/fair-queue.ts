/** A queue in which parties take turns (addresses, repositories): whoever has much in it does not keep all others waiting. */
export class FairQueue<T> {
  readonly #limit: number
  /** By party, in the order of their turns; each has one at least. */
  readonly #waiting = new Map<string, T[]>()
  #size = 0

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit
  }

  countOf(party: string): number {
    return this.#waiting.get(party)?.length ?? 0
  }

  /** Who has no place any more: when it is full, the last one of the party that has most. */
  add(party: string, one: T): T | undefined {
    const own = this.#waiting.get(party)
    if (own === undefined) this.#waiting.set(party, [one])
    else own.push(one)
    this.#size += 1
    return this.#size > this.#limit ? this.#dropLast() : undefined
  }

  /** The next one of the party whose turn it is. */
  take(): T | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [party, [one, ...others]] = first
    this.#waiting.delete(party)
    if (others.length > 0) this.#waiting.set(party, others)
    this.#size -= 1
    return one
  }

  /** One that waits no longer; nothing when it has had its turn. */
  remove(party: string, one: T): void {
    const own = this.#waiting.get(party) ?? []
    const at = own.indexOf(one)
    if (at < 0) return
    own.splice(at, 1)
    if (own.length === 0) this.#waiting.delete(party)
    this.#size -= 1
  }

  #dropLast(): T | undefined {
    let [most, length] = ['', 0]
    for (const [party, { length: own }] of this.#waiting) if (own >= length) [most, length] = [party, own]
    const dropped = this.#waiting.get(most)?.pop()
    if (length === 1) this.#waiting.delete(most)
    this.#size -= 1
    return dropped
  }
}
