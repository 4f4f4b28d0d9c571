/** Work that many want at once is done once; whoever does not want it any more leaves, and the work goes on for the others. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>()

  async join(key: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const running = this.#running.get(key) ?? this.#start(key, run)
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason)
      signal.addEventListener('abort', leave, { once: true })
      const stay = (): void => signal.removeEventListener('abort', leave)
      running.then(resolve, reject).then(stay, stay)
    })
  }

  #start(key: string, run: () => Promise<T>): Promise<T> {
    const started = run().finally(() => this.#running.delete(key))
    started.catch(() => undefined) // those who stayed see it
    this.#running.set(key, started)
    return started
  }
}
