import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import { isCrossed } from '../database/unavailable.js'
import type { Caller } from '../http/caller.js'
import { cutPage, type Page, type PageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { ClockProvider } from '../system/providers.js'
import { type Applied, Generations, type Rendered } from './generations.js'
import { ConfigurationEntity } from './configuration.entity.js'
import type { ConfigurationDiff, ConfigurationRow } from './configuration.schema.js'
import { hideHashes } from './hide-hashes.js'
import { type Intent, readIntent, writeIntent } from './intent.js'
import { Together } from './together.js'
import { unifiedDiff } from './unified-diff.js'

/** One change of what is meant: done in the transaction that is kept only when the box takes it. */
export interface Change<T> {
  /** `upstreams.put` */
  readonly action: string
  readonly target: string
  run(
    manager: EntityManager,
  ): Promise<{ readonly answer: T; readonly before?: unknown; readonly after?: unknown }>
  /** Undoes what it did besides the database, when that is not kept; may be called more than once. */
  takeBack?(): Promise<void>
}

/** Thrown inside the transaction, so that nothing of the changes stays. */
class Refused extends Error {
  readonly applied: Extract<Applied, { outcome: 'refused' }>
  readonly tried: Tried

  constructor(applied: Extract<Applied, { outcome: 'refused' }>, tried: Tried) {
    super(applied.reason)
    this.applied = applied
    this.tried = tried
  }
}

interface Tried {
  readonly intent: Intent
  readonly rendered: Rendered
}

/** A change with whoever waits for it. */
interface Waiting {
  readonly caller: Caller
  readonly change: Change<unknown>
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A try of nginx and the core takes a second: what comes meanwhile is tried together. */
const MOST_TOGETHER = 50
/** Of changes that were in the way of another transaction. */
const TRIES = 3

/** Every change of the configuration goes through here: rendered, tried, kept with its outcome, or refused whole. */
@Injectable()
export class Configurations {
  /** What the box was given last may not be what is meant: the database may have gone away before it had kept that. */
  #isInDoubt = false
  /** Those who have heard that theirs cannot be made. */
  readonly #answered = new WeakSet<Waiting>()
  readonly #changes = new Together<Waiting>((batch) => this.#settle(batch), MOST_TOGETHER)

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly generations: Generations,
    private readonly clock: ClockProvider,
  ) {}

  /** @throws ProductError `refused` with the stage and its reason; then nothing has changed */
  change<T>(caller: Caller, change: Change<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#changes.add({ caller, change, resolve: resolve as (answer: unknown) => void, reject })
    })
  }

  /** Tells everybody of the batch what became of it. One that the box refuses is tried again one by one. */
  async #settle(batch: readonly Waiting[], tries = 1): Promise<void> {
    try {
      const answers = await this.database.alone((manager) => this.#changeAll(manager, batch))
      this.#isInDoubt = false
      for (const [waiting, answer] of answers) waiting.resolve(answer)
    } catch (error) {
      await takeBack(batch) // for a commit that has failed
      if (isCrossed(Error.isError(error) ? error.cause : undefined) && tries < TRIES)
        return this.#settle(
          batch.filter((waiting) => !this.#answered.has(waiting)),
          tries + 1,
        )
      const isOfOne =
        error instanceof Refused || (error instanceof ProductError && error.failure === 'invalid')
      if (!isOfOne) this.#isInDoubt = true
      if (isOfOne && batch.length > 1) for (const waiting of batch) await this.#settle([waiting])
      else for (const waiting of batch) waiting.reject(await this.#refusal(error, batch))
    }
  }

  /** The answers of those that could be made; the others have heard why not. */
  async #changeAll(manager: EntityManager, batch: readonly Waiting[]): Promise<Map<Waiting, unknown>> {
    const answers = new Map<Waiting, unknown>()
    for (const waiting of batch) {
      const { caller, change, reject } = waiting
      const { action, target } = change
      try {
        await manager.transaction(async (inner) => {
          const { answer, before, after } = await change.run(inner)
          await this.audit.note(inner, caller, { action, target, before, after })
          answers.set(waiting, answer)
        })
      } catch (error) {
        if (!(error instanceof ProductError)) throw error
        answers.delete(waiting)
        await change.takeBack?.()
        this.#answered.add(waiting)
        reject(error)
      }
    }
    if (answers.size > 0) await this.#applyOrTakeBack(manager, [...answers.keys()])
    return answers
  }

  /** While the lock is held, so that nobody renders from files that are taken back. */
  async #applyOrTakeBack(manager: EntityManager, batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#apply(manager, kept(batch))
    } catch (error) {
      await takeBack(batch)
      throw error
    }
  }

  /** A refused one leaves a row of history, with the reason. */
  async #refusal(error: unknown, batch: readonly Waiting[]): Promise<unknown> {
    if (!(error instanceof Refused)) return error
    const { applied, tried } = error
    try {
      await this.database.transaction((manager) => this.#keep(manager, kept(batch), tried, applied))
    } catch (unkept) {
      return unkept
    }
    return new ProductError('refused', { stage: applied.stage, reason: applied.reason }, { cause: error })
  }

  /** What is meant comes into force: at every start, since a kill may have come between files and database. */
  async putInForce(ensure: (manager: EntityManager) => Promise<void>): Promise<Applied> {
    return this.database.alone(async (manager) => {
      await ensure(manager)
      const intent = await readIntent(manager)
      const rendered = await this.generations.render(intent)
      const applied = await this.generations.apply(rendered)
      const last = await latestApplied(manager)
      const isNew = last === undefined || unifiedDiff(last.files, textsOf(rendered)) !== ''
      if (isNew)
        await this.#keep(manager, { author: 'entrepot', reason: 'start' }, { intent, rendered }, applied)
      return applied
    })
  }

  /** After a change that could not be kept: puts in force what is meant, which it was not. */
  async settleDoubt(): Promise<void> {
    if (this.#isInDoubt) await this.refresh('what was not kept is undone')
  }

  /** Renders what is meant again, and puts it in force when that has become something else: a renewed certificate. */
  async refresh(reason: string): Promise<void> {
    await this.database.alone(async (manager) => {
      const intent = await readIntent(manager)
      const rendered = await this.generations.render(intent)
      const last = await latestApplied(manager)
      const isNew = last === undefined || unifiedDiff(last.files, textsOf(rendered)) !== ''
      if (!isNew && !this.#isInDoubt) return
      const applied = await this.generations.apply(rendered)
      this.#isInDoubt = false
      if (!isNew) return
      await this.#keep(manager, { author: 'entrepot', reason }, { intent, rendered }, applied)
    })
  }

  async list({ limit, after }: PageQuery): Promise<Page<ConfigurationRow>> {
    const rows = await this.database.transaction((manager) => {
      const query = manager
        .createQueryBuilder(ConfigurationEntity, 'row')
        .select(['row.id', 'row.at', 'row.author', 'row.reason', 'row.outcome', 'row.cause'])
        .orderBy('row.id', 'DESC')
        .take(limit + 1)
      if (after !== undefined) query.where('row.id < :after', { after: Number(after) })
      return query.getMany()
    })
    const page = cutPage(rows, limit, ({ id }) => String(id))
    return { ...page, items: page.items.map(shown) }
  }

  /** Against the last one before it that was in force. */
  async diff(id: number): Promise<ConfigurationDiff> {
    return this.database.transaction(async (manager) => {
      const row = await get(manager, id)
      const earlier = await latestApplied(manager, id)
      return { ...shown(row), diff: unifiedDiff(hideHashes(earlier?.files ?? {}), hideHashes(row.files)) }
    })
  }

  /** What was meant then is meant again; it is a change like any other. */
  async rollback(id: number, caller: Caller): Promise<void> {
    await this.change(caller, {
      action: 'config.rollback',
      target: String(id),
      run: async (manager) => {
        const { intent } = await get(manager, id)
        await writeIntent(manager, intent, this.clock.now())
        return { answer: undefined, after: { id } }
      },
    })
  }

  async #apply(manager: EntityManager, kept: { author: string; reason: string }): Promise<void> {
    const intent = await readIntent(manager)
    const rendered = await this.generations.render(intent)
    const applied = await this.generations.apply(rendered)
    if (applied.outcome === 'refused') throw new Refused(applied, { intent, rendered })
    await this.#keep(manager, kept, { intent, rendered }, applied)
  }

  async #keep(
    manager: EntityManager,
    kept: { author: string; reason: string },
    { intent, rendered }: Tried,
    applied: Applied,
  ): Promise<void> {
    await manager.save(ConfigurationEntity, {
      ...{ at: this.clock.now(), ...kept, intent, files: textsOf(rendered), outcome: applied.outcome },
      cause: applied.outcome === 'refused' ? `${applied.stage}: ${applied.reason}` : '',
    })
  }
}

/** What cannot be taken back now, on a disk that fails, is at the next start; whoever waits has to hear in any case. */
async function takeBack(batch: readonly Waiting[]): Promise<void> {
  for (const { change } of batch.toReversed()) await change.takeBack?.().catch(() => undefined)
}

/** What a row of history says of who changed what. */
function kept(batch: readonly Waiting[]): { author: string; reason: string } {
  return {
    author: [...new Set(batch.map(({ caller }) => caller.author))].join(', '),
    reason: batch.map(({ change }) => `${change.action} ${change.target}`).join(', '),
  }
}

async function get(manager: EntityManager, id: number): Promise<ConfigurationEntity> {
  const row = await manager.findOneBy(ConfigurationEntity, { id })
  if (row === null) throw new ProductError('not-found', { what: 'configuration', name: String(id) })
  return row
}

async function latestApplied(
  manager: EntityManager,
  before?: number,
): Promise<ConfigurationEntity | undefined> {
  const query = manager
    .createQueryBuilder(ConfigurationEntity, 'row')
    .where("row.outcome = 'applied'")
    .orderBy('row.id', 'DESC')
    .limit(1)
  if (before !== undefined) query.andWhere('row.id < :before', { before })
  return (await query.getOne()) ?? undefined
}

/** As they would be if each generation had the same folder, so that two of them can be compared; without secrets. */
function textsOf({ id, files }: Rendered): Record<string, string> {
  return Object.fromEntries(
    files.map(({ path, text }) => [
      path,
      text.replaceAll(`/generations/${id}`, '/current').replaceAll(id, 'current'),
    ]),
  )
}

function shown({ id, at, author, reason, outcome, cause }: ConfigurationEntity): ConfigurationRow {
  return { id, at: at.toISOString(), author, reason, outcome, ...(cause !== '' && { cause }) }
}
