import { AsyncLocalStorage } from 'node:async_hooks'

import { type FakeClock, turn } from '#core-test/fake-clock.js'
import type { Chance } from '#core-test/seeded-chance.js'
import type { Call, CallName } from '#core-test/simulated-faults.js'
import type { Scheduling, SimulatedFs } from '#core-test/simulated-fs.js'

interface Waiting {
  readonly call: Call
  readonly actor: string
  readonly process: SimulatedFs
  act(): void
}

/** Steps without an end mean that somebody spins. */
const STEPS_LIMIT = 100_000

/**
 * Decides which of the calls that wait takes effect next, by chance: sometimes every actor in turn, sometimes one for
 * long; and again and again one is frozen between two of its calls, as by SIGSTOP, while the others go on: anywhere,
 * or before a call of the kind that this run has chosen, as it is there that what was looked at grows old.
 */
export class Scheduler implements Scheduling {
  readonly #chance: Chance
  readonly #clock: FakeClock
  readonly #actors = new AsyncLocalStorage<string>()
  readonly #stay: number
  #waiting: readonly Waiting[] = []
  /** Until which step an actor is frozen. */
  readonly #frozen = new Map<string, number>()
  readonly #freezing: number
  readonly #freezesBefore: CallName
  readonly #hasWaited = new Set<Call>()
  #last = ''
  #acting = 0
  /** Calls that have taken effect. */
  steps = 0
  /** Called between two calls. */
  afterStep: () => void = () => undefined

  constructor(chance: Chance, clock: FakeClock) {
    this.#chance = chance
    this.#clock = clock
    this.#stay = chance.pick([0, 0.5, 0.9, 0.98])
    this.#freezesBefore = chance.pick<CallName>([
      'rename',
      'link',
      'unlink',
      'makeDirectory',
      'removeDirectory',
      'list',
    ])
    this.#freezing = chance.pick([0.01, 0.05, 0.2])
  }

  schedule(call: Call, process: SimulatedFs, act: () => void): void {
    this.#waiting = [...this.#waiting, { call, actor: this.whoami(), process, act }]
  }

  /** The actor that is running. */
  whoami(): string {
    return this.#actors.getStore() ?? ''
  }

  /** Another process may act between two synchronous calls of this one. */
  passing(_call: Call, process: SimulatedFs): void {
    while (this.#acting === 0 && this.#chance.happens(0.3)) {
      const others = this.#waiting.filter((one) => one.process !== process && !this.#isFrozen(one))
      if (others.length === 0) return
      this.#act(this.#chance.pick(others))
    }
  }

  /** Runs the actors, each under its name, until all have ended. @throws when they wait for one another for ever */
  async run(actors: ReadonlyMap<string, () => Promise<void>>): Promise<void> {
    const running = new Set(actors.keys())
    const errors: unknown[] = []
    for (const [name, work] of actors)
      this.#actors
        .run(name, work)
        .catch((error: unknown) => errors.push(error))
        .finally(() => running.delete(name))
    while (running.size > 0) await this.#step(running)
    await this.#drain()
    if (errors.length > 0) throw errors[0]
  }

  async #step(running: ReadonlySet<string>): Promise<void> {
    await turn()
    this.steps += 1
    if (this.steps > STEPS_LIMIT) throw new Error(`${[...running].join(', ')} never ends`)
    const ready = this.#waiting.filter((one) => !this.#isFrozen(one))
    if (ready.length > 0) {
      const same = ready.filter(({ actor }) => actor === this.#last)
      const choice = this.#chance.pick(same.length > 0 && this.#chance.happens(this.#stay) ? same : ready)
      this.#last = choice.actor
      if (this.#waitsBefore(choice)) return
      this.#act(choice)
      if (this.#chance.happens(this.#freezing)) this.#freeze(choice)
      this.afterStep()
    } else if (this.#waiting.length > 0) this.#frozen.clear()
    else if (this.#clock.hasSleeper()) await this.#clock.wakeNext()
  }

  #waitsBefore(one: Waiting): boolean {
    if (one.call.name !== this.#freezesBefore || this.#hasWaited.has(one.call)) return false
    this.#hasWaited.add(one.call)
    const isFreezing = this.#chance.happens(0.3)
    if (isFreezing) this.#freeze(one)
    return isFreezing
  }

  #freeze({ actor }: Waiting): void {
    this.#frozen.set(actor, this.steps + this.#chance.pick([5, 30, 200, 1000]))
  }

  #isFrozen({ actor }: Waiting): boolean {
    return (this.#frozen.get(actor) ?? 0) > this.steps
  }

  /** What goes on after the last answer (the journal) ends too. */
  async #drain(): Promise<void> {
    for (let idle = 0; idle < 3; idle += 1) {
      await turn()
      if (this.#waiting.length > 0) idle = -1
      for (const one of this.#waiting) this.#act(one)
    }
  }

  #act(one: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== one)
    this.#acting += 1
    try {
      one.act()
    } finally {
      this.#acting -= 1
    }
  }
}
