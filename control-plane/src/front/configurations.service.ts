import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import { isCrossed, isOfDatabase, unkeepable } from '../database/unavailable.js'
import type { Caller } from '../http/caller.js'
import type { Page, PageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { ClockProvider } from '../system/providers.js'
import { Sealing } from '../system/sealed.js'
import {
  diffConfiguration,
  isNews,
  listConfigurations,
  readEarlierIntent,
  removeOldConfigurations,
  textsOf,
} from './configuration-history.js'
import { type Applied, Generations, type Rendered, renderOrRefuse } from './generations.js'
import { ConfigurationEntity } from './configuration.entity.js'
import type { ConfigurationDiff, ConfigurationRow } from './configuration.schema.js'
import { findServerCertificate } from './certificates/server-certificate.js'
import { type Intent, readIntent, writeIntent } from './intent.js'
import { Site } from './site.js'
import { RunTogether } from './run-together.js'

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
  /** The same where nobody knows whether it was kept, by what the database says. */
  decide?(manager: EntityManager): Promise<void>
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
  /** Whose commit may or may not have been one. */
  readonly #undecided: Waiting[] = []
  readonly #changes = new RunTogether<Waiting>((batch) => this.#settle(batch), MOST_TOGETHER)

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly generations: Generations,
    private readonly clock: ClockProvider,
    private readonly site: Site,
    private readonly sealing: Sealing,
  ) {}

  /** @throws ProductError `refused` with the stage and its reason; then nothing has changed */
  change<T>(caller: Caller, change: Change<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#changes.add({ caller, change, resolve: resolve as (answer: unknown) => void, reject })
    })
  }

  /** Tells everybody of the batch what became of it. One that the box refuses is tried again one by one. */
  async #settle(batch: readonly Waiting[], tries = 1): Promise<void> {
    let isRun = false
    try {
      const answers = await this.database.alone(async (manager) => {
        const made = await this.#changeAll(manager, batch)
        isRun = true
        return made
      })
      for (const [waiting, answer] of answers) waiting.resolve(answer)
    } catch (error) {
      const open = batch.filter((waiting) => !this.#answered.has(waiting))
      const isUndone = isCrossed(Error.isError(error) ? error.cause : undefined)
      // A commit whose answer was lost may have been one: the database decides later.
      if (isRun && !isUndone) this.#undecided.push(...open)
      else await this.#takeBack(open)
      if (isUndone && tries < TRIES) await this.#settle(open, tries + 1)
      else await this.#settleFailed(error, open, !isRun && !isOfDatabase(error))
    }
  }

  /** `mayBeOfOne`: nothing was kept, and one of them may be why. */
  async #settleFailed(error: unknown, open: readonly Waiting[], mayBeOfOne: boolean): Promise<void> {
    const isWrong = error instanceof ProductError && error.failure === 'invalid'
    if (!isWrong && !(error instanceof Refused)) this.#isInDoubt = true
    if (mayBeOfOne && open.length > 1) for (const waiting of open) await this.#settle([waiting])
    else for (const waiting of open) waiting.reject(await this.#refusal(error, open))
  }

  /** The answers of those that could be made; the others have heard why not. */
  async #changeAll(manager: EntityManager, batch: readonly Waiting[]): Promise<Map<Waiting, unknown>> {
    await this.#decide(manager)
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
        if (isOfDatabase(error)) throw error
        answers.delete(waiting)
        await change.takeBack?.()
        this.#answered.add(waiting)
        reject(unkeepable(error) ?? error)
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
      await this.#takeBack(batch)
      throw error
    }
  }

  /** Never throws: what cannot be taken back now is decided later. */
  async #takeBack(batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch.toReversed()) {
      try {
        await waiting.change.takeBack?.()
      } catch {
        this.#isInDoubt = true
        this.#undecided.push(waiting)
      }
    }
  }

  /** What the database has kept of changes whose end was not seen, before anybody renders from their files. */
  async #decide(manager: EntityManager): Promise<void> {
    for (const { change } of this.#undecided) await change.decide?.(manager)
    this.#undecided.length = 0
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
      const rendered = await renderOrRefuse(this.generations, intent)
      if ('outcome' in rendered) return rendered
      const applied = await this.generations.apply(rendered)
      if (await isNews(manager, rendered))
        await this.#keep(manager, { author: 'entrepot', reason: 'start' }, { intent, rendered }, applied)
      return applied
    })
  }

  /** After a change that could not be kept: what is in force is not what is meant, until that is put in force again. */
  get isInDoubt(): boolean {
    return this.#isInDoubt
  }

  /**
   * Renders what is meant again, and puts it in force when that has become something else: a renewed certificate.
   * Answers what became of it; `undefined` when there was nothing to do. `require` throws when it is no more ours to do.
   */
  async refresh(
    reason: string,
    require: (manager: EntityManager) => Promise<void>,
  ): Promise<Applied | undefined> {
    return this.database.alone(async (manager) => {
      await require(manager)
      await this.#decide(manager)
      const intent = await readIntent(manager)
      const rendered = await this.generations.render(intent)
      const isNew = await isNews(manager, rendered)
      if (!isNew && !this.#isInDoubt) return undefined
      const applied = await this.generations.apply(rendered)
      // What is refused is tried again and again: its row of history is the log's line.
      if (applied.outcome === 'refused') return applied
      this.#isInDoubt = false
      if (isNew) await this.#keep(manager, { author: 'entrepot', reason }, { intent, rendered }, applied)
      return applied
    })
  }

  list(query: PageQuery): Promise<Page<ConfigurationRow>> {
    return this.database.transaction((manager) => listConfigurations(manager, query))
  }

  diff(id: number): Promise<ConfigurationDiff> {
    return this.database.transaction((manager) => diffConfiguration(manager, id))
  }

  /** What was meant then is meant again; it is a change like any other. */
  async rollback(id: number, caller: Caller): Promise<{ readonly isOtherAcme: boolean }> {
    return this.change(caller, {
      action: 'config.rollback',
      target: String(id),
      run: async (manager) => {
        const intent = await readEarlierIntent(manager, id, this.sealing)
        await this.#requireCertificate(intent)
        return { answer: await writeIntent(manager, intent, this.clock.now()), after: { id } }
      },
    })
  }

  /** Without it the box would show one of its own, which nobody has asked for. */
  async #requireCertificate({ certificate }: Intent): Promise<void> {
    if (certificate === null) return
    const { fingerprint } = certificate
    if ((await findServerCertificate(this.site.certificates, fingerprint)) !== undefined) return
    const reason = `the certificate of then, ${fingerprint}, has ended and is removed: upload its successor, and change the rest as it was`
    throw new ProductError('refused', { stage: 'certificate', reason })
  }

  async #apply(manager: EntityManager, kept: { author: string; reason: string }): Promise<void> {
    const intent = await readIntent(manager)
    const rendered = await this.generations.render(intent)
    const applied = await this.generations.apply(rendered)
    if (applied.outcome === 'refused') throw new Refused(applied, { intent, rendered })
    this.#isInDoubt = false
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
    await removeOldConfigurations(manager)
  }
}

/** What a row of history says of who changed what. */
function kept(batch: readonly Waiting[]): { author: string; reason: string } {
  return {
    author: [...new Set(batch.map(({ caller }) => caller.author))].join(', '),
    reason: batch.map(({ change }) => `${change.action} ${change.target}`).join(', '),
  }
}
