import { isDeepStrictEqual } from 'node:util'

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { Interval } from '@nestjs/schedule'
import type { Logger } from 'pino'
import type { EntityManager } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import { type Caller, THE_BOX } from '../http/caller.js'
import { ProductError } from '../http/product-error.js'
import { LOG } from '../system/log.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import type { AcmeShown, AcmeWish } from './acme.schema.js'
import { type AcmeState, pauseAfterMs, readAcmeState, resetAcmeState, writeAcmeState } from './acme-state.js'
import { openAcmeAccount, orderAcmeCertificate } from './certificates/acme/acme-certificates.js'
import { openChallengeFolder } from './certificates/acme/challenge-folder.js'
import type { ExternalAccount } from './certificates/acme/jws.js'
import { dropAllOrders } from './certificates/acme/kept-order.js'
import { withinOrderLimit } from './certificates/acme/order-limit.js'
import { CertificateRefused } from './certificates/certificate-refused.js'
import { expiryOf } from './certificates/expiry.js'
import { isAddress, parseName, parseNames } from './certificates/names.js'
import { refusedAsInvalid } from './certificates/refused-as-invalid.js'
import { findServerCertificate, storeServerCertificate } from './certificates/server-certificate.js'
import type { CheckedCertificate } from './certificates/uploaded.js'
import { Configurations } from './configurations.service.js'
import { ACME_SETTING, type AcmeIntent, CERTIFICATE_SETTING, type Intent, readIntent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'
import { SettingEntity } from './setting.entity.js'
import { challengesOf, Site } from './site.js'

const LOOK_MS = 60_000
/** So long somebody who asks waits for the certificate itself. */
const PATIENCE_MS = 20_000
const ACCOUNT_MS = 20_000
/** Whoever may renew must not use up by it what the authority allows in a week. */
const BETWEEN_RENEWALS_MS = 60_000

interface Ordering {
  readonly done: Promise<void>
  readonly stop: AbortController
}

/** Certificates of an ACME server: ordered when they are asked for, and again before they end. */
@Injectable()
export class Acme implements OnApplicationShutdown {
  #ordering: Ordering | undefined
  #renewableMs = 0

  constructor(
    private readonly site: Site,
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly audit: Audit,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
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
    if (isKnown && body.externalAccount === undefined && (await this.#isFine(intent))) return
    const terms = await this.#openAccount(wish, body.externalAccount)
    await this.#end()
    await this.#change(caller, wish, terms)
    this.#renewableMs = 0
    await this.#orderForAWhile()
  }

  /** Tries now what would be tried later. @throws ProductError `not-found` when there is nothing to be renewed, `too-soon` */
  async renew(caller: Caller): Promise<void> {
    const { acme } = await this.database.transaction(readIntent)
    if (acme === undefined || acme === null)
      throw new ProductError('not-found', { what: 'ACME server', name: 'in force' })
    this.#requirePause()
    await this.database.transaction((manager) =>
      this.audit.note(manager, caller, { action: 'certificates.acme.renew', target: acme.directory }),
    )
    await this.#orderForAWhile()
  }

  /** Whoever asks while one is ordered waits for that one. */
  #requirePause(): void {
    if (this.#ordering !== undefined) return
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
    await this.#end()
    await dropAllOrders(this.site.certificates)
  }

  /** Null when no ACME server is in force. */
  async look(intent: Intent): Promise<AcmeShown | null> {
    const { acme } = intent
    if (acme === undefined || acme === null) return null
    const { reason, triedAt, nextTryAt, terms } = await this.database.transaction(readAcmeState)
    const isOrdering = this.#ordering !== undefined
    const settled = (await this.#findServed(intent)) !== undefined ? 'in-force' : 'waiting'
    return {
      ...{ directory: acme.directory, contact: acme.contact, names: [...acme.names], terms },
      state: isOrdering ? 'ordering' : reason === null ? settled : 'failed',
      ...{ reason, triedAt, nextTryAt },
    }
  }

  /** Goes on with what a killed process has begun, orders what ends, tries again what has failed. */
  @Interval(LOOK_MS)
  async tick(): Promise<void> {
    try {
      const intent = await this.database.transaction(readIntent)
      const { nextTryAt } = await this.database.transaction(readAcmeState)
      const isTooSoon = nextTryAt !== null && this.clock.now() < new Date(nextTryAt)
      if (isTooSoon || (await this.#isFine(intent))) return
      await this.#begin().done
    } catch (error) {
      this.log.error({ err: error }, 'ACME could not be looked after: the next minute tries again')
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#end()
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
    const { clock, random } = this
    const options = { folder: this.site.certificates, settings: settingsOf(wish), clock, random, signal }
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
    const { done } = this.#begin()
    const isDone = new AbortController()
    const late = this.clock.sleep(PATIENCE_MS, isDone.signal).catch(() => undefined)
    await Promise.race([done, late])
    isDone.abort()
  }

  /** One order at a time; whoever asks meanwhile waits for that one. */
  #begin(): Ordering {
    if (this.#ordering !== undefined) return this.#ordering
    const stop = new AbortController()
    const done = this.#order(stop.signal).finally(() => {
      this.#ordering = undefined
    })
    this.#ordering = { done, stop }
    return this.#ordering
  }

  async #end(): Promise<void> {
    this.#ordering?.stop.abort()
    await this.#ordering?.done
  }

  async #order(stop: AbortSignal): Promise<void> {
    const triedAt = this.clock.now()
    try {
      const { acme } = await this.database.transaction(readIntent)
      if (acme === undefined || acme === null) return
      const { clock, random } = this
      const folder = this.site.certificates
      const challenges = await openChallengeFolder(challengesOf(this.site), random)
      const names = parseNames(acme.names)
      const options = { folder, settings: settingsOf(acme), names, challenges, clock, random }
      const checked = await withinOrderLimit(clock, stop, (signal) =>
        orderAcmeCertificate({ ...options, signal }),
      )
      await this.#use(acme, checked)
      await checked.orders.drop()
      this.log.info({ directory: acme.directory, names }, 'a certificate by ACME is in force')
    } catch (error) {
      if (!stop.aborted) await this.#noteFailure(error, triedAt)
    }
  }

  async #use(wish: AcmeIntent, { certificate }: CheckedCertificate): Promise<void> {
    await storeServerCertificate(this.site.certificates, certificate, this.random)
    const { fingerprint } = certificate
    await this.configurations.change(THE_BOX, {
      ...{ action: 'certificates.acme.issued', target: 'server' },
      run: async (manager) => {
        const { acme, certificate: before } = await readIntent(manager)
        if (!isDeepStrictEqual(acme, wish))
          throw new ProductError('changed-meanwhile', { what: 'ACME server', current: 'another one' })
        const row = await manager.findOneBy(SettingEntity, { name: CERTIFICATE_SETTING })
        const value = { fingerprint, root: null, acme: wish.directory }
        const version = (row?.version ?? 0) + 1
        await manager.save(SettingEntity, { name: CERTIFICATE_SETTING, value, version })
        await resetAcmeState(manager)
        return { answer: undefined, before, after: value }
      },
    })
  }

  /** Kept for people, and so that the next try waits. */
  async #noteFailure(error: unknown, triedAt: Date): Promise<void> {
    const isForPeople = error instanceof CertificateRefused || error instanceof ProductError
    const reason = isForPeople ? error.message : 'something is broken here: the log tells more'
    this.log.warn(isForPeople ? { reason } : { err: error }, 'no certificate came by ACME')
    try {
      await this.database.transaction(async (manager) => {
        const { failures: before, terms } = await readAcmeState(manager)
        const failures = before + 1
        const nextTryAt = new Date(triedAt.getTime() + pauseAfterMs(failures)).toISOString()
        const state: AcmeState = { failures, reason, terms, triedAt: triedAt.toISOString(), nextTryAt }
        await writeAcmeState(manager, state)
      })
    } catch (unkept) {
      this.log.error({ err: unkept }, 'why no certificate came could not be kept')
    }
  }

  async #isFine(intent: Intent): Promise<boolean> {
    if (intent.acme === undefined || intent.acme === null) return true
    const served = await this.#findServed(intent)
    return served !== undefined && expiryOf(served, this.clock.now()).state === 'fine'
  }

  /** The certificate in force, when it is this server's and for these names. */
  async #findServed({ acme, certificate }: Intent) {
    if (acme === undefined || acme === null || certificate?.acme !== acme.directory) return undefined
    const found = await findServerCertificate(this.site.certificates, certificate.fingerprint)
    return found !== undefined && new Set(found.names).isSupersetOf(new Set(acme.names)) ? found : undefined
  }
}

function settingsOf({ directory, ca, contact }: AcmeIntent) {
  return {
    directoryUrl: directory,
    ...(ca !== null && { directoryCa: ca }),
    ...(contact !== null && { contactMail: contact }),
  }
}
