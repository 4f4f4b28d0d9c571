/** Runs what came while the last run went on as one: `run` is called with at most `most` items, one call at a time. */
export class RunTogether<T> {
  readonly #waiting: T[] = []
  readonly #run: (items: readonly T[]) => Promise<void>
  readonly #most: number
  #running = false

  /** `run` must not reject: whoever waits for an item has a way of its own to hear of it. */
  constructor(run: (items: readonly T[]) => Promise<void>, most: number) {
    this.#run = run
    this.#most = most
  }

  add(item: T): void {
    this.#waiting.push(item)
    if (!this.#running) void this.#runAll()
  }

  async #runAll(): Promise<void> {
    this.#running = true
    try {
      while (this.#waiting.length > 0) await this.#run(this.#waiting.splice(0, this.#most))
    } finally {
      this.#running = false
    }
  }
}
