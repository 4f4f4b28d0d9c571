import { describe, expect, test } from '@jest/globals'
import type { Clock } from '../system/clock.js'
import type { Part } from './part.js'
import { backOffMs, type Supervised, supervise } from './supervisor.js'

/** Sleeps are over at once and counted; time passes only when a test says so. */
class QuickClock implements Clock {
  readonly slept: number[] = []
  nowMs = 0

  now(): Date {
    return new Date(this.nowMs)
  }
  elapsedMs(): number {
    return this.nowMs
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
  }
}

/** A part whose lives a test writes: each ends or fails when it says so. */
class ScriptedPart implements Part {
  readonly name = 'registry-core'
  starts = 0
  stops = 0
  kills = 0
  #end: (how: string) => void = () => undefined
  #begun = Promise.withResolvers<void>()

  readonly #failures: readonly string[]

  constructor(failures: readonly string[] = []) {
    this.#failures = failures
  }

  async start() {
    const failure = this.#failures[this.starts]
    this.starts += 1
    if (failure !== undefined) throw new Error(failure)
    const { promise: ended, resolve } = Promise.withResolvers<string>()
    this.#end = resolve
    this.#begun.resolve()
    return { ended, stop: async () => this.#stopOnce() }
  }
  kill(): void {
    this.kills += 1
    this.#end('was ended by SIGKILL')
  }
  /** Ends this life, and answers when the next one has begun. */
  async end(how: string): Promise<void> {
    this.#begun = Promise.withResolvers<void>()
    this.#end(how)
    await this.#begun.promise
  }
  #stopOnce(): void {
    this.stops += 1
    this.#end('ended with code 0')
  }
}

function keep(part: Part, options: { isFirstTryAll?: boolean } = {}) {
  const clock = new QuickClock()
  const said: string[] = []
  const supervised: Supervised = supervise(part, { clock, say: (line) => said.push(line), ...options })
  return { supervised, clock, said }
}

describe('a part that ends', () => {
  test('is started again, and that is said in one line', async () => {
    const part = new ScriptedPart()
    const { supervised, said } = keep(part)
    await supervised.serving
    await part.end('was ended by SIGKILL')
    expect(said).toEqual(['registry-core was ended by SIGKILL: it is started again in 0.2 s'])
    expect(part.starts).toBe(2)
    await supervised.stop()
  })

  test('waits longer each time, ten seconds at most', async () => {
    const part = new ScriptedPart()
    const { supervised, clock } = keep(part)
    await supervised.serving
    for (let ends = 0; ends < 8; ends += 1) await part.end('ended with code 1')
    expect(clock.slept).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(backOffMs(1000)).toBe(10_000)
    await supervised.stop()
  })

  test('is back at once when it had served well before', async () => {
    const part = new ScriptedPart()
    const { supervised, clock } = keep(part)
    await supervised.serving
    await part.end('ended with code 1')
    await part.end('ended with code 1')
    clock.nowMs += 30_000
    await part.end('ended with code 1')
    expect(clock.slept).toEqual([200, 400, 200])
    await supervised.stop()
  })
})

describe('a part that does not start', () => {
  test('is tried again, and its first try says why', async () => {
    const part = new ScriptedPart(['no space left on device'])
    const { supervised, said } = keep(part)
    expect((await supervised.firstTry)?.message).toBe('no space left on device')
    await supervised.serving
    expect(said).toEqual([
      'registry-core does not start (no space left on device): it is started again in 0.2 s',
    ])
    await supervised.stop()
  })

  test('is not tried again where the first try is all, and nothing is said', async () => {
    const part = new ScriptedPart(['no space left on device'])
    const { supervised, said } = keep(part, { isFirstTryAll: true })
    expect((await supervised.firstTry)?.message).toBe('no space left on device')
    await supervised.stop()
    expect(part.starts).toBe(1)
    expect(said).toEqual([])
  })

  test('is started again all the same once it has served', async () => {
    const part = new ScriptedPart()
    const { supervised } = keep(part, { isFirstTryAll: true })
    await supervised.serving
    await part.end('ended with code 1')
    expect(part.starts).toBe(2)
    await supervised.stop()
  })
})

describe('a part that is told to stop', () => {
  test('stops once, what it left behind is ended, and it is not started again', async () => {
    const part = new ScriptedPart()
    const { supervised, said } = keep(part)
    await supervised.serving
    await supervised.stop()
    expect(part).toMatchObject({ starts: 1, stops: 1, kills: 1 })
    expect(said).toEqual([])
  })

  test('is gone at once when it is killed meanwhile', async () => {
    const part = new ScriptedPart()
    const { supervised } = keep(part)
    await supervised.serving
    supervised.kill()
    await supervised.stop()
    expect(part.starts).toBe(1)
    expect(part.kills).toBeGreaterThan(0)
  })
})
