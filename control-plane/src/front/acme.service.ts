import { isDeepStrictEqual } from 'node:util'

import { Inject, Injectable } from '@nestjs/common'
import { Interval } from '@nestjs/schedule'
import type { Logger } from 'pino'
import type { EntityManager } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import type { Caller } from '../http/caller.js'
import { ProductError } from '../http/product-error.js'
import { LOG } from '../system/log.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { Sealing } from '../system/sealed.js'
import type { AcmeShown, AcmeWish } from './acme.schema.js'
import { AcmeOrders, settingsOf } from './acme-orders.service.js'
import { readAcmeState, resetAcmeState } from './acme-state.js'
import { openAcmeAccount } from './certificates/acme/acme-certificates.js'
import { openChallengeFolder } from './certificates/acme/challenge-folder.js'
import type { ExternalAccount } from './certificates/acme/jws.js'
import { dropAllOrders } from './certificates/acme/kept-order.js'
import { sealPlainFiles } from './certificates/acme/sealed-file.js'
import { CertificateRefused } from './certificates/certificate-refused.js'
import { isAddress, parseName, parseNames } from './certificates/names.js'
import { refusedAsInvalid } from './certificates/refused-as-invalid.js'
import { Configurations } from './configurations.service.js'
import { ACME_SETTING, type AcmeIntent, type Intent, readIntent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'
import { SettingEntity } from './setting.entity.js'
import { challengesOf, Site } from './site.js'

const LOOK_MS = 60_000
/** So long somebody who asks waits for the certificate itself. */
const PATIENCE_MS = 20_000
const ACCOUNT_MS = 20_000
/** Whoever may renew must not use up by it what the authority allows in a week. */
const BETWEEN_RENEWALS_MS = 60_000

/** Certificates of an ACME server: ordered when they are asked for, and again before they end. */
@Injectable()
export class Acme {
  #renewableMs = 0

  constructor(
    private readonly site: Site,
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly orders: AcmeOrders,
    private readonly audit: Audit,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
    private readonly sealing: Sealing,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  /**
   * The listener that the authority asks is there then; the certificate comes when it comes, and until then what is in
   * force stays. @throws ProductError `invalid` when the server is none or does not take us: then nothing has changed
   */
  async put(body: AcmeWish, caller: Caller): Promise<void> {
    const intent = await this.database.transaction(readIntent)
    const wish = await this.#wishOf(body, intent)
    const isKnown = isDeepStrictEqual(wish, intent.acme)
    if (isKnown && body.externalAccount === undefined && (await this.orders.isFine(intent))) return
    const terms = await this.#openAccount(wish, body.externalAccount)
    await this.orders.end()
    await this.#change(caller, wish, terms)
    this.#renewableMs = 0
    await this.#orderForAWhile()
  }

  /** Tries now what would be tried later. @throws ProductError `not-found` when there is nothing to be renewed, `too-soon` */
  async renew(caller: Caller): Promise<void> {
    const { acme } = await this.database.transaction(readIntent)
    if (acme === undefined || acme === null)
      throw new ProductError('not-found', { what: 'ACME server', name: 'in force' })
    const before = this.#renewableMs
    this.#requirePause()
    try {
      await this.database.transaction((manager) =>
        this.audit.note(manager, caller, { action: 'certificates.acme.renew', target: acme.directory }),
      )
    } catch (error) {
      this.#renewableMs = before // nothing is ordered
      throw error
    }
    await this.#orderForAWhile()
  }

  /** Whoever asks while one is ordered waits for that one. */
  #requirePause(): void {
    if (this.orders.isOrdering) return
    const nowMs = this.clock.elapsedMs()
    const seconds = Math.ceil((this.#renewableMs - nowMs) / 1000)
    if (seconds > 0) throw new ProductError('too-soon', { what: 'a certificate was ordered', seconds })
    this.#renewableMs = nowMs + BETWEEN_RENEWALS_MS
  }

  /** No ACME any more; part of a change that says what is served instead. */
  async forget(manager: EntityManager): Promise<void> {
    await manager.delete(SettingEntity, { name: ACME_SETTING })
    await resetAcmeState(manager, null)
  }

  /** After that change: nobody waits for the certificate any more. */
  async stop(): Promise<void> {
    await this.orders.end()
    await dropAllOrders(this.site.certificates)
  }

  /** Null when no ACME server is in force. */
  async look(intent: Pick<Intent, 'acme' | 'certificate'>): Promise<AcmeShown | null> {
    const { acme } = intent
    if (acme === undefined || acme === null) return null
    const { reason, triedAt, nextTryAt, terms } = await this.database.transaction(readAcmeState)
    const settled = (await this.orders.findServed(intent)) !== undefined ? 'in-force' : 'waiting'
    return {
      ...{ directory: acme.directory, contact: acme.contact, names: [...acme.names], terms },
      state: this.orders.isOrdering ? 'ordering' : reason === null ? settled : 'failed',
      ...{ reason, triedAt, nextTryAt },
    }
  }

  /** At each start. Keys of boxes that did not seal them are sealed from then on. */
  async sealPlainFiles(): Promise<void> {
    const { sealing, random } = this
    await sealPlainFiles(this.site.certificates, { sealing, random })
  }

  /** Goes on with what a killed process has begun, orders what ends, tries again what has failed. */
  @Interval(LOOK_MS)
  async tick(): Promise<void> {
    try {
      if (await this.#isDue()) await this.orders.begin(() => this.#isDue())
    } catch (error) {
      this.log.error({ err: error }, 'ACME could not be looked after: the next minute tries again')
    }
  }

  async #isDue(): Promise<boolean> {
    const { intent, nextTryAt } = await this.database.transaction(async (manager) => ({
      intent: await readIntent(manager),
      nextTryAt: (await readAcmeState(manager)).nextTryAt,
    }))
    const isTooSoon = nextTryAt !== null && this.clock.now() < new Date(nextTryAt)
    return !isTooSoon && !(await this.orders.isFine(intent))
  }

  async #wishOf({ directory, ca, contact, names }: AcmeWish, { nginx }: Intent): Promise<AcmeIntent> {
    const own = [...this.site.names, ...nginxSettings.parse(nginx).names].filter((text) => {
      const name = parseName(text)
      return !isAddress(name) && name !== 'localhost'
    })
    return {
      ...{ directory, ca: ca ?? null, contact: contact ?? null },
      names: await refusedAsInvalid(() => parseNames(names ?? own)),
    }
  }

  async #openAccount(wish: AcmeIntent, external: ExternalAccount | undefined): Promise<string | undefined> {
    const signal = AbortSignal.timeout(ACCOUNT_MS)
    const { clock, random, sealing } = this
    const settings = settingsOf(wish)
    const options = { folder: this.site.certificates, sealing, settings, clock, random, signal }
    return refusedAsInvalid(async () => {
      try {
        return await openAcmeAccount(options, external)
      } catch (error) {
        if (!signal.aborted) throw error
        const why = `no answer within ${ACCOUNT_MS / 1000} seconds`
        throw new CertificateRefused('acme-unreachable', { url: wish.directory, why }, { cause: error })
      }
    })
  }

  async #change(caller: Caller, wish: AcmeIntent, terms: string | undefined): Promise<void> {
    await openChallengeFolder(challengesOf(this.site), this.random)
    try {
      await this.configurations.change(caller, {
        ...{ action: 'certificates.acme.put', target: wish.directory },
        run: async (manager) => {
          const before = await manager.findOneBy(SettingEntity, { name: ACME_SETTING })
          const version = (before?.version ?? 0) + 1
          await manager.save(SettingEntity, { name: ACME_SETTING, value: { ...wish }, version })
          await resetAcmeState(manager, terms ?? null)
          return { answer: undefined, before: before?.value, after: wish }
        },
      })
    } catch (error) {
      throw this.#portRefusal(error) ?? error
    }
  }

  /** nginx says which address it cannot have, and not which variable names another. */
  #portRefusal(error: unknown): ProductError | undefined {
    const { acmePort: port } = this.site
    if (!(error instanceof ProductError) || error.failure !== 'refused') return undefined
    const { stage, reason } = error.detail as { readonly stage: string; readonly reason: string }
    if (!new RegExp(`:${port}\\b`).test(reason)) return undefined
    const advice = `the ACME server asks on port 80; free port ${port}, or send port 80 of the names to another one, which ENTREPOT_ACME_PORT names`
    return new ProductError('refused', { stage, reason: `${reason}; ${advice}` }, { cause: error })
  }

  async #orderForAWhile(): Promise<void> {
    const before = await this.#servedFingerprint()
    // Another control plane may have brought one while this one waited for its turn.
    const done = this.orders.begin(async () => (await this.#servedFingerprint()) === before)
    const isDone = new AbortController()
    const late = this.clock.sleep(PATIENCE_MS, isDone.signal).catch(() => undefined)
    await Promise.race([done, late])
    isDone.abort()
  }

  async #servedFingerprint(): Promise<string | undefined> {
    const served = await this.orders.findServed(await this.database.transaction(readIntent))
    return served?.fingerprint
  }
}
