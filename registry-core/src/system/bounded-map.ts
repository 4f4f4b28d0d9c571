/** A map that forgets what was set first when it holds more than its limit. */
export class BoundedMap<V> {
  readonly #limit: number
  readonly #kept = new Map<string, V>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#kept.size
  }

  get(key: string): V | undefined {
    return this.#kept.get(key)
  }

  /** As the newest. */
  set(key: string, value: V): void {
    this.#kept.delete(key)
    this.#kept.set(key, value)
    if (this.#kept.size <= this.#limit) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }

  delete(key: string): boolean {
    return this.#kept.delete(key)
  }

  clear(): void {
    this.#kept.clear()
  }

  /** The oldest first. */
  entries(): IterableIterator<[string, V]> {
    return this.#kept.entries()
  }

  /** The oldest first. */
  values(): IterableIterator<V> {
    return this.#kept.values()
  }
}
