import { Injectable } from '@nestjs/common'
import { hash, verify } from '@node-rs/bcrypt'
import type { EntityManager } from 'typeorm'

import { Database } from '../database/database.js'
import { Configurations } from '../front/configurations.service.js'
import { Site } from '../front/site.js'
import type { Caller } from '../http/caller.js'
import { requireMatch } from '../http/entity-tag.js'
import { mergePatch } from '../http/merge-patch.js'
import { cutPage, type Page, type PageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { Versioned } from '../http/versioned.interceptor.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { AccountEntity } from './account.entity.js'
import { type Account, type AccountSettings, type MadeAccount, readAccount } from './account.schema.js'

const COST = 10
const PASSWORD_BYTES = 24
/** What the first start makes, so that there is somebody who may push over TLS. */
const FIRST = {
  name: 'push',
  settings: { rights: [{ repositories: ['**'], actions: ['pull', 'push', 'delete'] }] },
}

/** What becomes of an account, and its password where it is made. */
interface Next {
  readonly settings: AccountSettings
  readonly password: string | undefined
}

/** Who may push and pull. The core has the hashes in its file, so logins need neither us nor Postgres. */
@Injectable()
export class Accounts {
  constructor(
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly site: Site,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {}

  async list({ limit, after = '' }: PageQuery): Promise<Page<Account>> {
    const rows = await this.database.transaction((manager) =>
      manager
        .createQueryBuilder(AccountEntity, 'account')
        .where('account.name > :after', { after })
        .orderBy('account.name')
        .take(limit + 1)
        .getMany(),
    )
    const page = cutPage(rows, limit, ({ name }) => name)
    return { ...page, items: page.items.map(shown) }
  }

  async get(name: string): Promise<Versioned<Account>> {
    const row = await this.database.transaction((manager) => find(manager, name))
    return new Versioned(shown(row), row.version)
  }

  create({ name: wanted, ...rest }: AccountSettings, caller: Caller): Promise<Versioned<MadeAccount>> {
    const { name, settings } = readAccount(wanted, rest)
    return this.#change('create', name, caller, '*', (row) => {
      if (row !== null) throw new ProductError('exists', { what: 'account', name })
      return { settings, password: this.#password() }
    })
  }

  put(
    named: string,
    body: AccountSettings,
    caller: Caller,
    ifMatch?: string,
  ): Promise<Versioned<MadeAccount>> {
    const { name, settings } = readAccount(named, body)
    return this.#change('put', name, caller, ifMatch, (row) => ({
      settings,
      password: row === null ? this.#password() : undefined,
    }))
  }

  patch(
    name: string,
    patch: AccountSettings,
    caller: Caller,
    ifMatch?: string,
  ): Promise<Versioned<MadeAccount>> {
    return this.#change('patch', name, caller, ifMatch, (row) => {
      const merged = mergePatch(existing(row, name).settings, patch) as AccountSettings
      return { settings: readAccount(name, merged).settings, password: undefined }
    })
  }

  rotate(name: string, caller: Caller): Promise<Versioned<MadeAccount>> {
    return this.#change('rotate', name, caller, undefined, (row) => ({
      settings: existing(row, name).settings,
      password: this.#password(),
    }))
  }

  async remove(name: string, caller: Caller, ifMatch?: string): Promise<void> {
    await this.configurations.change(caller, {
      action: 'accounts.remove',
      target: name,
      run: async (manager) => {
        const row = await find(manager, name)
        requireMatch(ifMatch, 'account', row.version)
        await manager.delete(AccountEntity, { name })
        return { answer: undefined, before: shown(row) }
      },
    })
  }

  /** At the very first start one account is made; answers it with its password. */
  async ensureFirst(manager: EntityManager): Promise<{ readonly name: string; readonly password: string }> {
    const password = this.#password()
    await this.#save(manager, FIRST.name, null, { settings: FIRST.settings, password })
    return { name: FIRST.name, password }
  }

  /** Whether the database has kept what a start has made. */
  async isKept(
    manager: EntityManager,
    { name, password }: { readonly name: string; readonly password: string },
  ): Promise<boolean> {
    const row = await manager.findOneBy(AccountEntity, { name })
    return row !== null && verify(password, row.secretHash)
  }

  #change(
    verb: string,
    name: string,
    caller: Caller,
    ifMatch: string | undefined,
    decide: (row: AccountEntity | null) => Next,
  ): Promise<Versioned<MadeAccount>> {
    return this.configurations.change(caller, {
      action: `accounts.${verb}`,
      target: name,
      run: async (manager) => {
        const row = await manager.findOneBy(AccountEntity, { name })
        requireMatch(ifMatch, 'account', row?.version ?? 0)
        const next = decide(row)
        const saved = await this.#save(manager, name, row, next)
        const registry = `${this.site.host}:${this.site.ports.tls}`
        const made = next.password === undefined ? {} : { password: next.password, registry }
        const answer = { ...shown(saved), ...made }
        return {
          answer: new Versioned(answer, saved.version),
          ...(row !== null && { before: shown(row) }),
          after: shown(saved),
        }
      },
    })
  }

  async #save(
    manager: EntityManager,
    name: string,
    row: AccountEntity | null,
    { settings, password }: Next,
  ): Promise<AccountEntity> {
    return manager.save(AccountEntity, {
      name,
      secretHash: password === undefined ? existing(row, name).secretHash : await hash(password, COST),
      settings: { ...settings },
      version: (row?.version ?? 0) + 1,
      createdAt: row?.createdAt ?? this.clock.now(),
    })
  }

  #password(): string {
    return this.random.bytes(PASSWORD_BYTES).toString('base64url')
  }
}

async function find(manager: EntityManager, name: string): Promise<AccountEntity> {
  return existing(await manager.findOneBy(AccountEntity, { name }), name)
}

function existing(row: AccountEntity | null, name: string): AccountEntity {
  if (row === null) throw new ProductError('not-found', { what: 'account', name })
  return row
}

function shown({ name, settings, createdAt }: AccountEntity): Account {
  return { ...settings, name, createdAt: createdAt.toISOString() }
}
