import type { Clock } from '../system/clock.js'
import type { Part } from './part.js'
import { StartRefused } from './start-refused.js'
import { type Supervised, supervise } from './supervisor.js'

/** The parts, in the order in which they need each other. */
export interface BoxParts {
  /** Undefined with a Postgres of one's own. */
  readonly postgres: Part | undefined
  readonly controlPlane: Part
  readonly core: Part
  readonly nginx: Part
}

export interface BoxOptions {
  readonly parts: BoxParts
  /** Whether a configuration lies there that an earlier start made, and whether it is for the settings of this one. */
  readonly configuration: 'none' | 'of another start' | 'usable'
  /** Resolves once the control plane has put in force what settings and database ask for, or with why it could not. */
  readonly configured: Promise<string | undefined>
  readonly clock: Clock
  readonly say: (line: string) => void
}

/** What came of a start. */
export interface Started {
  /** Why the control plane does not serve yet; clients' transfers do not need it. */
  readonly withoutControlPlane: string | undefined
}

/** Everything that `npm start` runs. */
export interface Box {
  /** Answers when clients are served. @throws StartRefused when a first start cannot come so far, or is told to stop */
  start(): Promise<Started>
  /** Lets transfers end: each part goes before those that it needs. */
  stop(): Promise<void>
  /** Ends all at once; what was acknowledged is stored. */
  kill(): void
}

const SOON_MS = 20_000

/**
 * Clients need registry-core and nginx only, so a start that finds a configuration begins with these two, and Postgres and
 * the control plane come beside. The first start has none before the control plane has rendered it.
 */
export function openBox(options: BoxOptions): Box {
  return new SupervisedBox(options)
}

class SupervisedBox implements Box {
  readonly #options: BoxOptions
  readonly #kept = new Map<Part, Supervised>()
  /** Rejects once it is told to stop: what a start waits for may never come then. */
  readonly #told = Promise.withResolvers<never>()
  #isStopping = false

  constructor(options: BoxOptions) {
    this.#options = options
    this.#told.promise.catch(() => undefined) // told while nobody waits
  }

  async start(): Promise<Started> {
    const control = this.#startControl()
    if (this.#options.configuration !== 'usable') await this.#waitForConfiguration(control)
    const { core, nginx } = this.#options.parts
    await this.#serve(core)
    await this.#serve(nginx)
    const why = await this.#soon(control)
    return { withoutControlPlane: why === 'late' ? 'it is still starting' : why?.message }
  }

  async stop(): Promise<void> {
    this.#tell()
    const { nginx, controlPlane, core, postgres } = this.#options.parts
    // The control plane first, which may be in the midst of a change and needs nginx for that. Then nginx: it takes nothing
    // new and goes when the last transfer has ended, while the core that serves it is there.
    for (const part of [controlPlane, nginx, core, postgres]) {
      if (part !== undefined) await this.#kept.get(part)?.stop()
    }
  }

  kill(): void {
    this.#tell()
    for (const supervised of this.#kept.values()) supervised.kill()
  }

  #tell(): void {
    this.#isStopping = true
    this.#told.reject(toldToStop())
  }

  /** Postgres, then the control plane; answers why their first try did not come so far. */
  async #startControl(): Promise<Error | undefined> {
    const { postgres, controlPlane } = this.#options.parts
    if (postgres !== undefined) {
      const database = this.#keep(postgres)
      const error = await database.firstTry
      if (error !== undefined) {
        // On a later start it comes back by itself, and the control plane after it.
        void database.serving.then(() => this.#isStopping || this.#keep(controlPlane))
        return error
      }
    }
    if (this.#isStopping) return toldToStop()
    const error = await this.#keep(controlPlane).firstTry
    return error && doesNotStart('the control plane', error)
  }

  /** @throws StartRefused when there will be none, and none is there */
  async #waitForConfiguration(control: Promise<Error | undefined>): Promise<void> {
    const { configuration, configured, say } = this.#options
    const done: Promise<Error | undefined> = configured.then((reason) =>
      reason === undefined ? undefined : new StartRefused('configuration-refused', { reason }),
    )
    const rendered = control.then((why) => why ?? done)
    const outcome = await this.#soon(Promise.race([done, rendered]))
    if (outcome === undefined) return
    const why =
      outcome === 'late' ? 'the control plane has not rendered a configuration yet' : outcome.message
    if (configuration === 'of another start')
      return say(
        `${why}. The last good configuration serves; what this start has anew (ENTREPOT_*, another version) waits for that.`,
      )
    if (outcome !== 'late') throw asRefusal('PostgreSQL', outcome)
    say(`${why}: the lines above say what it waits for`)
    const refusal = await done
    if (refusal !== undefined) throw refusal
  }

  async #serve(part: Part): Promise<void> {
    const supervised = this.#keep(part)
    const error = await supervised.firstTry
    if (error !== undefined && this.#options.configuration === 'none') throw doesNotStart(part.name, error)
    await Promise.race([supervised.serving, this.#told.promise])
  }

  #keep(part: Part): Supervised {
    if (this.#isStopping) throw toldToStop()
    const { clock, say, configuration } = this.#options
    const isFirstTryAll = configuration === 'none'
    const supervised = this.#kept.get(part) ?? supervise(part, { clock, say, isFirstTryAll })
    this.#kept.set(part, supervised)
    return supervised
  }

  /** `late` when it takes longer than people wait without a word. */
  async #soon<T>(awaited: Promise<T>): Promise<T | 'late'> {
    const isHere = new AbortController()
    const late = this.#options.clock.sleep(SOON_MS, isHere.signal).then(
      () => 'late' as const,
      () => 'late' as const,
    )
    try {
      return await Promise.race([awaited, late])
    } finally {
      isHere.abort()
    }
  }
}

function toldToStop(): StartRefused {
  return new StartRefused('told-to-stop', {})
}

function doesNotStart(part: string, error: Error): StartRefused {
  return new StartRefused('part-broken', { part, reason: error.message }, { cause: error })
}

/** A refusal stays itself: its sentence says what to do. */
function asRefusal(part: string, error: Error): StartRefused {
  return error instanceof StartRefused ? error : doesNotStart(part, error)
}
