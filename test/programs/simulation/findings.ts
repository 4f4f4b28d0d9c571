import { textOf } from './text-of.js'

/** One state in which something was wrong; its name replays it. */
export interface Finding {
  readonly state: string
  readonly wrong: readonly string[]
}

const KEPT = 20

/** Counts the states that were examined and keeps what was wrong in them. */
export class Findings {
  states = 0
  failures = 0
  readonly found: Finding[] = []
  readonly #only: string | undefined

  /** With `only`, states whose names begin otherwise are left out. */
  constructor(only?: string) {
    this.#only = only
  }

  wants(state: string): boolean {
    return this.#only === undefined || state.startsWith(this.#only) || this.#only.startsWith(state)
  }

  async examine(state: string, examine: () => Promise<readonly string[]>): Promise<void> {
    if (this.#only !== undefined && !`${state}/`.startsWith(`${this.#only}/`)) return
    this.states += 1
    let wrong: readonly string[]
    try {
      wrong = await examine()
    } catch (error) {
      wrong = [`unexpected: ${textOf(error)}`]
    }
    if (wrong.length === 0) return
    this.failures += 1
    if (this.found.length < KEPT) this.found.push({ state, wrong: wrong.slice(0, 5) })
  }
}
