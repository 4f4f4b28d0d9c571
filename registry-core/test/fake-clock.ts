import type { Clock } from '#core/system/clock.js'

interface Timer {
  readonly id: number
  readonly dueMs: number
  readonly kind: 'sleep' | 'after' | 'every'
  run(): Promise<void> | void
}

/** A clock that stands still until a test moves it; what sleeps on it wakes in the order of its time. */
export class FakeClock implements Clock {
  #nowMs: number
  #elapsedMs = 0
  #timers: readonly Timer[] = []
  #lastId = 0
  readonly #tickMs: number

  /** With `tickMs` each look at the clock moves the wall clock on, so that no two are equal. */
  constructor({
    start = new Date('2026-03-01T12:00:00.000Z'),
    tickMs = 0,
  }: { start?: Date; tickMs?: number } = {}) {
    this.#nowMs = start.getTime()
    this.#tickMs = tickMs
  }

  now(): Date {
    this.#nowMs += this.#tickMs
    return new Date(this.#nowMs)
  }

  elapsedMs(): number {
    return this.#elapsedMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = this.#add('sleep', ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      function abort(): void {
        stop()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  every(ms: number, run: () => Promise<void>): () => void {
    let stop = this.#add('every', ms, again.bind(this))
    async function again(this: FakeClock): Promise<void> {
      stop = this.#add('every', ms, again.bind(this))
      await run()
    }
    return () => stop()
  }

  after(ms: number, run: () => void): () => void {
    return this.#add('after', ms, run)
  }

  /** True while something waits in `sleep`; jobs of `every` and `after` do not count. */
  hasSleeper(): boolean {
    return this.#timers.some(({ kind }) => kind === 'sleep')
  }

  /** Moves on to the time of the first sleeper, so that it wakes. */
  async wakeNext(): Promise<void> {
    const due = this.#timers.filter(({ kind }) => kind === 'sleep').map(({ dueMs }) => dueMs)
    if (due.length > 0) await this.advance(Math.max(0, Math.min(...due) - this.#elapsedMs))
  }

  /** Moves time on, runs what falls due on the way, and lets what it woke go as far as it can. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms
    for (;;) {
      const next = this.#timers
        .filter(({ dueMs }) => dueMs <= end)
        .toSorted((a, b) => a.dueMs - b.dueMs || a.id - b.id)[0]
      if (next === undefined) break
      this.#moveTo(Math.max(next.dueMs, this.#elapsedMs))
      this.#timers = this.#timers.filter(({ id }) => id !== next.id)
      await next.run()
      await turn()
    }
    this.#moveTo(end)
    await turn()
  }

  /** The wall clock jumps (NTP, a dead battery); what sleeps does not notice. */
  step(ms: number): void {
    this.#nowMs += ms
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }

  #add(kind: Timer['kind'], ms: number, run: () => Promise<void> | void): () => void {
    this.#lastId += 1
    const id = this.#lastId
    this.#timers = [...this.#timers, { id, kind, dueMs: this.#elapsedMs + ms, run }]
    return () => {
      this.#timers = this.#timers.filter((timer) => timer.id !== id)
    }
  }
}

/** One turn of the event loop: everything that can go on without time or the system has gone on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The outcome of what may sleep on a fake clock: time moves whenever nothing else can. @throws when it hangs */
export async function outcome<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isSettled = false
  const settle = (): void => {
    isSettled = true
  }
  work.then(settle, settle)
  for (let idle = 0; idle < 1000; idle += 1) {
    await turn()
    if (isSettled) return work
    if (!clock.hasSleeper()) continue
    await clock.wakeNext()
    idle = 0
  }
  throw new Error('the work hangs: it waits for something that nobody does')
}
