import { createHmac } from 'node:crypto'

import { Injectable } from '@nestjs/common'
import { verify } from '@node-rs/argon2'
import { type EntityManager, IsNull, MoreThan, Not } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import type { Caller } from '../http/caller.js'
import { cutPage, type Page, type PageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { hashOfToken } from './admin-token-hash.js'
import { AdminTokenEntity } from './admin-token.entity.js'
import {
  type AdminToken,
  ENVIRONMENT,
  type MadeAdminToken,
  type NewAdminToken,
} from './admin-token.schema.js'
import { Guesses } from './guesses.js'
import type { Right } from './right.js'

const FORM = /^entrepot_([0-9a-f]{12})_([0-9a-f]{48})$/
const REMEMBERED_MS = 60_000
/** Another control plane may have taken one back: what is remembered is looked up again after so long. */
const LOOKED_UP_MS = 5000
const REMEMBERED_TOKENS = 1000
const FIRST_NAME = 'first-start'

/** What a start has made, because nobody could have come in. */
export interface FirstToken {
  readonly name: string
  readonly token: string
}

interface Verified {
  readonly name: string
  readonly right: Right
}

interface Remembered extends Verified {
  readonly id: string
  readonly hash: string
  readonly until: Date | null
  readonly sinceMs: number
  lookedUpMs: number
}

/** The tokens of the admin API: `entrepot_<id>_<secret>`, of which argon2id is kept. */
@Injectable()
export class AdminTokens {
  readonly #guesses: Guesses
  /** By a keyed hash of the token, since argon2id takes 30 ms: what was right a minute ago need not be computed again. */
  readonly #remembered = new Map<string, Remembered>()
  /** Those that are looked at now: who asks for the same one waits for the same answer. */
  readonly #verifying = new Map<string, Promise<Verified>>()
  /** How often all was forgotten: what was looked at before that is not remembered. */
  #forgotten = 0
  readonly #key: Buffer

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {
    this.#guesses = new Guesses(clock)
    this.#key = random.bytes(32)
  }

  /** @throws ProductError `wrong-token`, `too-many-guesses`, `database-unavailable` */
  async verify(text: string, address: string): Promise<Verified> {
    const key = createHmac('sha256', this.#key).update(text).digest('base64')
    const remembered = this.#remembered.get(key)
    if (remembered !== undefined && this.#isFresh(remembered) && (await this.#isStillThere(remembered)))
      return remembered
    const running = this.#verifying.get(key) ?? this.#look(text, key, address)
    this.#verifying.set(key, running)
    try {
      return await running
    } catch (error) {
      // While Postgres is away, what was right before is right, so that the API can say what is wrong.
      const isAway = error instanceof ProductError && error.failure === 'database-unavailable'
      if (isAway && remembered !== undefined && this.#hasNotEnded(remembered)) return remembered
      throw error
    } finally {
      if (this.#verifying.get(key) === running) this.#verifying.delete(key)
    }
  }

  /** It counts as wrong until it is known to be right: of many guesses at once no more than ten are looked at. */
  async #look(text: string, key: string, address: string): Promise<Verified> {
    const id = idOf(text)
    const seconds = this.#guesses.findWait(address, id)
    if (seconds !== undefined) throw new ProductError('too-many-guesses', { seconds })
    const forgive = this.#guesses.note(address, id)
    const forgotten = this.#forgotten
    const found = await this.#find(text).catch((error: unknown) => {
      forgive()
      throw error
    })
    if (found === undefined) throw new ProductError('wrong-token', {})
    forgive()
    const sinceMs = this.clock.elapsedMs()
    const { name, rights: right, until, hash: kept } = found
    const verified = { ...{ id: found.id, name, right, until, sinceMs }, hash: kept, lookedUpMs: sinceMs }
    if (forgotten !== this.#forgotten) return verified
    if (this.#remembered.size >= REMEMBERED_TOKENS) this.#remembered.clear()
    this.#remembered.set(key, verified)
    return verified
  }

  async list({ limit, after = '' }: PageQuery): Promise<Page<AdminToken>> {
    const rows = await this.database.transaction((manager) =>
      manager
        .createQueryBuilder(AdminTokenEntity, 'token')
        .where('token.name > :after', { after })
        .orderBy('token.name')
        .take(limit + 1)
        .getMany(),
    )
    const page = cutPage(rows, limit, ({ name }) => name)
    return { ...page, items: page.items.map(shown) }
  }

  async create(wanted: NewAdminToken, caller: Caller): Promise<MadeAdminToken> {
    return this.database.transaction(async (manager) => {
      await lockTokens(manager) // of two with one name, one
      if (await manager.existsBy(AdminTokenEntity, { name: wanted.name }))
        throw new ProductError('exists', { what: 'admin token', name: wanted.name })
      const { row, token } = await this.#make(manager, wanted)
      await this.audit.note(manager, caller, {
        action: 'admin-tokens.create',
        target: wanted.name,
        after: shown(row),
      })
      return { ...shown(row), token }
    })
  }

  async remove(name: string, caller: Caller): Promise<void> {
    await this.database.transaction(async (manager) => {
      await lockTokens(manager) // of the last two, one
      const row = await manager.findOneBy(AdminTokenEntity, { name })
      if (row === null) throw new ProductError('not-found', { what: 'admin token', name })
      if (row.rights === 'admin' && !(await this.#hasAdministrator(manager, row.id)))
        throw new ProductError('last-admin', { name })
      await manager.delete(AdminTokenEntity, { id: row.id })
      await this.audit.note(manager, caller, {
        action: 'admin-tokens.remove',
        target: name,
        before: shown(row),
      })
    })
    this.forget()
  }

  /** Whoever puts other tokens in the place of all keeps theirs, when no administrator could come in by the others. */
  async replacing<T>(manager: EntityManager, { author }: Caller, replace: () => Promise<T>): Promise<T> {
    await lockTokens(manager)
    const own = await manager.findOneBy(AdminTokenEntity, { name: author })
    const answer = await replace()
    if (await this.#hasAdministrator(manager)) return answer
    if (own === null) throw new ProductError('last-admin', { name: author })
    await manager.delete(AdminTokenEntity, [{ id: own.id }, { name: author }])
    await manager.insert(AdminTokenEntity, own)
    return answer
  }

  /** What was right a minute ago may be unknown by now: each is looked at anew. */
  forget(): void {
    this.#forgotten += 1
    this.#remembered.clear()
    this.#verifying.clear()
  }

  /**
   * ENTREPOT_ADMIN_TOKEN is one at each start that it is set for, and at no other. When no administrator could come in, as
   * at the first start, one is made and answered.
   */
  async ensureFirst(manager: EntityManager, given: string | undefined): Promise<FirstToken | undefined> {
    await manager.delete(AdminTokenEntity, { name: ENVIRONMENT })
    if (given !== undefined) {
      const kept = { id: ENVIRONMENT, name: ENVIRONMENT, rights: 'admin', token: given } as const
      await this.#save(manager, kept)
      return undefined
    }
    if (await this.#hasAdministrator(manager)) return undefined
    let name = FIRST_NAME
    for (let number = 2; await manager.existsBy(AdminTokenEntity, { name }); number += 1)
      name = `${FIRST_NAME}-${number}`
    const { token } = await this.#make(manager, { name, rights: 'admin' })
    return { name, token }
  }

  /** Whether the database has kept what a start has made. */
  async isKept(manager: EntityManager, { token }: FirstToken): Promise<boolean> {
    return manager.existsBy(AdminTokenEntity, { id: FORM.exec(token)?.[1] ?? '' })
  }

  /** Whether a token has the right "admin" that has not ended, besides this one. */
  async #hasAdministrator(manager: EntityManager, except = ''): Promise<boolean> {
    const administrator = { rights: 'admin', id: Not(except) } as const
    const now = this.clock.now()
    return manager.existsBy(AdminTokenEntity, [
      { ...administrator, until: IsNull() },
      { ...administrator, until: MoreThan(now) },
    ])
  }

  async #make(manager: EntityManager, wanted: NewAdminToken) {
    const id = this.random.bytes(6).toString('hex')
    const token = `entrepot_${id}_${this.random.bytes(24).toString('hex')}`
    return { row: await this.#save(manager, { id, ...wanted, token }), token }
  }

  async #save(
    manager: EntityManager,
    { token, until, ...row }: NewAdminToken & { readonly id: string; readonly token: string },
  ): Promise<AdminTokenEntity> {
    return manager.save(AdminTokenEntity, {
      ...row,
      hash: await hashOfToken(token),
      until: until === undefined ? null : new Date(until),
      createdAt: this.clock.now(),
    })
  }

  async #find(text: string): Promise<AdminTokenEntity | undefined> {
    const id = idOf(text)
    const row = await this.database.transaction((manager) => manager.findOneBy(AdminTokenEntity, { id }))
    if (row === null || !(await verify(row.hash, text))) return undefined
    return row.until !== null && row.until <= this.clock.now() ? undefined : row
  }

  /** As the database has it; while Postgres is away, what was there is there. */
  async #isStillThere(remembered: Remembered): Promise<boolean> {
    const { id, hash: kept, lookedUpMs } = remembered
    const nowMs = this.clock.elapsedMs()
    if (nowMs - lookedUpMs < LOOKED_UP_MS) return true
    try {
      const row = await this.database.transaction((manager) => manager.findOneBy(AdminTokenEntity, { id }))
      if (row?.hash !== kept) return false
    } catch (error) {
      if (!(error instanceof ProductError && error.failure === 'database-unavailable')) throw error
    }
    remembered.lookedUpMs = nowMs
    return true
  }

  #isFresh({ sinceMs, until }: { readonly sinceMs: number; readonly until: Date | null }): boolean {
    return this.clock.elapsedMs() - sinceMs <= REMEMBERED_MS && this.#hasNotEnded({ until })
  }

  #hasNotEnded({ until }: { readonly until: Date | null }): boolean {
    return until === null || until > this.clock.now()
  }
}

/** The part that is no secret; what has another form can only be that of ENTREPOT_ADMIN_TOKEN. */
function idOf(token: string): string {
  return FORM.exec(token)?.[1] ?? ENVIRONMENT
}

function lockTokens(manager: EntityManager): Promise<unknown> {
  return manager.query('LOCK TABLE "admin_token" IN SHARE ROW EXCLUSIVE MODE')
}

function shown({ id, name, rights, until, createdAt }: AdminTokenEntity): AdminToken {
  return {
    ...{ id, name, rights },
    ...(until !== null && { until: until.toISOString() }),
    createdAt: createdAt.toISOString(),
  }
}
