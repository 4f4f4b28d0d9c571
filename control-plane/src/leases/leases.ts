import { type EntityManager, IsNull } from 'typeorm'
import type { Logger } from 'pino'

import type { Database } from '../database/database.js'
import type { Clock } from '../system/clock.js'
import { LeaseEntity } from './lease.entity.js'

/** Work that one control plane does at a time, of all that are on this database. */
export interface Job {
  readonly name: string
  /** From one beginning to the next, whoever does it; without it, whenever nobody is at it. */
  readonly everyMs?: number
  /** What lies in the folder of one box: each box does its own, and nobody else can. */
  readonly isOfOneBox?: boolean
}

/** The right to do it, while it lasts. */
export interface Lease {
  /** Aborted when it is lost. */
  readonly signal: AbortSignal
  /**
   * Asked in the transaction that keeps what was done: until that ends nobody else has the lease, and whoever has lost it,
   * asleep or cut off, keeps nothing. @throws LeaseLost
   */
  readonly require: (manager: EntityManager) => Promise<void>
}

/** Another control plane goes on with it: nothing is broken, and nobody has to do anything. */
export class LeaseLost extends Error {
  constructor(job: string) {
    super(`the job ${job} is another control plane's by now`)
    this.name = 'LeaseLost'
  }
}

export interface LeasesOptions {
  readonly database: Pick<Database, 'transaction'>
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn'>
  /** Of whom there is one process at a time: machine and data folder. */
  readonly holder: string
  readonly leaseMs?: number
}

interface Taken {
  readonly name: string
  readonly turn: number
}

/** So long a job rests when whoever did it was killed. */
const LEASE_MS = 15_000
const RENEWALS = 3
const LOOK_MS = 1_000
/** Timers are late or early: what comes a tenth too soon is meant. */
const EARLY = 0.9

/** Between a job and the box whose own it is, in the name of its row. */
const OF_BOX = ' of '

/** Leases by name, rows of Postgres (ADR 22). */
export class Leases {
  readonly #options: Required<LeasesOptions>
  /** By this process, and not ended. */
  readonly #taken = new Set<string>()

  constructor(options: LeasesOptions) {
    this.#options = { leaseMs: LEASE_MS, ...options }
  }

  /** Does it if it is due and nobody is at it, and answers whether. @throws what the work throws */
  async run(job: Job, work: (lease: Lease) => Promise<void>): Promise<boolean> {
    const taken = await this.#take(this.#rowOf(job), job.everyMs)
    if (taken === undefined) return false
    const [over, lost] = [new AbortController(), new AbortController()]
    const renewing = this.#renew(taken, over.signal, lost)
    let failed = true
    try {
      await work({ signal: lost.signal, require: (manager) => requireTurn(manager, taken) })
      failed = false
    } finally {
      over.abort()
      await renewing
      await this.#end(taken, failed)
      this.#taken.delete(keyOf(taken))
    }
    return true
  }

  /** Waits for its turn before it does it. @throws the signal's reason, and what the work throws */
  async runInTurn(name: string, signal: AbortSignal, work: (lease: Lease) => Promise<void>): Promise<void> {
    const { clock } = this.#options
    while (!(await this.run({ name }, work))) await clock.sleep(LOOK_MS, signal)
  }

  /** At a start, when jobs may have begun already: any other process of this name was killed, and nobody has to wait for its end. */
  async endThoseBefore(): Promise<void> {
    const { database, holder } = this.#options
    await database.transaction(async (manager) => {
      for (const { name, turn } of await manager.findBy(LeaseEntity, { holder, ended: IsNull() }))
        if (!this.#taken.has(keyOf({ name, turn })))
          await manager.update(LeaseEntity, { name, turn }, { until: () => 'clock_timestamp()' })
    })
  }

  /** What was done last, of each job: by anybody, and of those that are one box's, by this one. */
  async look(): Promise<LeaseEntity[]> {
    const { database, holder } = this.#options
    const rows = await database.transaction((manager) =>
      manager.find(LeaseEntity, { order: { name: 'ASC' } }),
    )
    return rows
      .filter(({ name }) => !name.includes(OF_BOX) || name.endsWith(`${OF_BOX}${holder}`))
      .map((row) => Object.assign(row, { name: row.name.replace(`${OF_BOX}${holder}`, '') }))
  }

  #rowOf({ name, isOfOneBox = false }: Job): string {
    return isOfOneBox ? `${name}${OF_BOX}${this.#options.holder}` : name
  }

  #take(name: string, everyMs = 0): Promise<Taken | undefined> {
    const { database, holder, leaseMs } = this.#options
    return database.transaction(async (manager) => {
      await manager.query(NEW, [name])
      // Whoever keeps what it did under this lease has the row: skipped, it is held.
      const [due] = await manager.query<readonly { readonly turn: number }[]>(DUE, [
        ...[name, leaseMs, Math.round(everyMs * EARLY)],
      ])
      if (due === undefined) return undefined
      const taken = { name, turn: due.turn + 1 }
      // Before anybody can read the row.
      this.#taken.add(keyOf(taken))
      await manager.update(
        LeaseEntity,
        { name },
        {
          ...{ holder, turn: taken.turn, begun: () => 'clock_timestamp()', until: later(leaseMs) },
          ...{ ended: null, failed: null },
        },
      )
      return taken
    })
  }

  /**
   * Again and again until the work is over; never throws. A row that is another's ends it, and so does a database that has been away
   * for longer than the lease, as soon as a try has failed by then: a silent one takes its time to fail, and until then `require` keeps
   * what is done from being kept.
   */
  async #renew(taken: Taken, over: AbortSignal, lost: AbortController): Promise<void> {
    const { clock, database, leaseMs } = this.#options
    let keptMs = clock.elapsedMs()
    while (!over.aborted && !lost.signal.aborted) {
      await clock.sleep(leaseMs / RENEWALS, over).catch(() => undefined)
      if (over.aborted) return
      const askedMs = clock.elapsedMs()
      try {
        const { affected } = await database.transaction((manager) =>
          manager.update(LeaseEntity, { ...taken }, { until: later(leaseMs) }),
        )
        if (affected === 0) lost.abort(new LeaseLost(taken.name))
        else keptMs = askedMs
      } catch (error) {
        if (clock.elapsedMs() - keptMs > leaseMs) lost.abort(error)
      }
    }
  }

  async #end(taken: Taken, failed: boolean): Promise<void> {
    const ended = () => 'clock_timestamp()'
    try {
      await this.#options.database.transaction((manager) =>
        manager.update(LeaseEntity, { ...taken }, { until: ended, ended, failed }),
      )
    } catch (error) {
      this.#options.log.warn(
        { err: error, job: taken.name },
        'the end of a job could not be kept: its lease runs out',
      )
    }
  }
}

const NEW = `INSERT INTO lease (name, holder, turn, begun, until) VALUES ($1, '', 0, 'epoch', 'epoch')
  ON CONFLICT DO NOTHING`

/** A time that is further off than any lease was written by a clock that has been put back since. */
const DUE = `SELECT turn FROM lease WHERE name = $1
  AND (until <= clock_timestamp() OR until > clock_timestamp() + 2 * $2::int * interval '1 ms')
  AND (ended IS NULL OR failed OR begun > clock_timestamp()
    OR begun <= clock_timestamp() - $3::bigint * interval '1 ms')
  FOR UPDATE SKIP LOCKED`

/** Stands in the way of whoever takes the lease, and not of whoever renews it. */
const MINE = `SELECT 1 FROM lease WHERE name = $1 AND turn = $2 FOR KEY SHARE`

function keyOf({ name, turn }: Taken): string {
  return `${turn} ${name}`
}

async function requireTurn(manager: EntityManager, taken: Taken): Promise<void> {
  const rows = await manager.query<readonly unknown[]>(MINE, [taken.name, taken.turn])
  if (rows.length === 0) throw new LeaseLost(taken.name)
}

function later(ms: number): () => string {
  return () => `clock_timestamp() + ${ms} * interval '1 ms'`
}
