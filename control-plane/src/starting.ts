import type { NestExpressApplication } from '@nestjs/platform-express'
import type { EntityManager } from 'typeorm'

import { Accounts } from './access/accounts.service.js'
import { AdminTokens } from './access/admin-tokens.service.js'
import { keepUntold, type Made, readUntold } from './access/untold.js'
import { Audit } from './audit/audit.service.js'
import { Restores } from './backup/restores.service.js'
import { Acme } from './front/acme.service.js'
import { ConfigurationEntity } from './front/configuration.entity.js'
import { Configurations } from './front/configurations.service.js'
import { THE_BOX } from './http/caller.js'
import { Leases } from './leases/leases.js'
import type { Sealing } from './system/sealed.js'
import { UPSTREAM_HOSTS, Upstreams } from './upstreams/upstreams.service.js'

/** What a start has made, and is shown once. */
export interface FirstStart {
  readonly adminToken: string | undefined
  readonly account: { readonly name: string; readonly password: string } | undefined
}

/** Tried until Postgres has kept it: it may have, and its answer was lost. */
export class Starting {
  readonly #app: NestExpressApplication
  readonly #sealing: Sealing

  constructor(app: NestExpressApplication, sealing: Sealing) {
    this.#app = app
    this.#sealing = sealing
  }

  /** Brings the database up to date, makes what a first start makes, and puts in force what is meant. */
  async start(adminToken: string | undefined) {
    const tokens = this.#app.get(AdminTokens)
    let made: Made | undefined
    const applied = await this.#app.get(Configurations).putInForce(async (manager) => {
      await this.#app.get(Restores).settle(manager)
      made = await this.#ensure(manager, adminToken)
    })
    tokens.forget()
    await this.#app.get(Leases).endThoseBefore()
    await this.#app.get(Acme).sealPlainFiles()
    void this.#app.get(Acme).tick() // an order that was cut off goes on at once
    return { first: shown(made), applied }
  }

  async #ensure(manager: EntityManager, adminToken: string | undefined): Promise<Made> {
    const [tokens, accounts] = [this.#app.get(AdminTokens), this.#app.get(Accounts)]
    const isFirst = (await manager.count(ConfigurationEntity)) === 0
    const token = await tokens.ensureFirst(manager, adminToken)
    if (isFirst) await this.#app.get(Upstreams).ensureFirst(manager, UPSTREAM_HOSTS)
    const account = isFirst ? await accounts.ensureFirst(manager) : undefined
    await noteFirst(this.#app.get(Audit), manager, { token, account }, isFirst)
    return this.#keepUntold(manager, { token, account })
  }

  /** With what an earlier start has made and nobody was shown, as far as it is still good. */
  async #keepUntold(manager: EntityManager, made: Made): Promise<Made> {
    const before = await readUntold(manager, this.#sealing)
    const isTokenKept = before.token && (await this.#app.get(AdminTokens).isKept(manager, before.token))
    const isAccountKept = before.account && (await this.#app.get(Accounts).isKept(manager, before.account))
    const untold = {
      token: made.token ?? (isTokenKept ? before.token : undefined),
      account: made.account ?? (isAccountKept ? before.account : undefined),
    }
    await keepUntold(manager, this.#sealing, untold)
    return untold
  }
}

function shown(made: Made | undefined): FirstStart {
  return { adminToken: made?.token?.token, account: made?.account }
}

/** What the box makes by itself is audited as what people make. */
async function noteFirst(audit: Audit, manager: EntityManager, { token, account }: Made, isFirst: boolean) {
  const made = [
    ...(token === undefined ? [] : [['admin-tokens.create', token.name]]),
    ...(account === undefined ? [] : [['accounts.create', account.name]]),
    ...(isFirst ? UPSTREAM_HOSTS.map((host) => ['upstreams.put', host]) : []),
  ]
  for (const [action = '', target = ''] of made) await audit.note(manager, THE_BOX, { action, target })
}
