import { isDeepStrictEqual } from 'node:util'

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common'
import type { Logger } from 'pino'

import { Database } from '../database/database.js'
import { THE_BOX } from '../http/caller.js'
import { ProductError } from '../http/product-error.js'
import { type Lease, LeaseLost, Leases } from '../leases/leases.js'
import { LOG } from '../system/log.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { Sealing } from '../system/sealed.js'
import { type AcmeState, pauseAfterMs, readAcmeState, resetAcmeState, writeAcmeState } from './acme-state.js'
import { orderAcmeCertificate } from './certificates/acme/acme-certificates.js'
import { openChallengeFolder } from './certificates/acme/challenge-folder.js'
import { withinOrderLimit } from './certificates/acme/order-limit.js'
import { CertificateRefused } from './certificates/certificate-refused.js'
import { expiryOf } from './certificates/expiry.js'
import { parseNames } from './certificates/names.js'
import { findServerCertificate, storeServerCertificate } from './certificates/server-certificate.js'
import type { CheckedCertificate } from './certificates/uploaded.js'
import { Configurations } from './configurations.service.js'
import { type AcmeIntent, CERTIFICATE_SETTING, type Intent, readIntent } from './intent.js'
import { SettingEntity } from './setting.entity.js'
import { challengesOf, Site } from './site.js'

/** Of all control planes one orders. */
const ORDER = 'order-certificate'

interface Ordering {
  readonly done: Promise<void>
  readonly stop: AbortController
}

interface Tried {
  readonly acme: AcmeIntent
  readonly triedAt: Date
  readonly lease: Lease
}

/** Orders of certificates from the ACME server that is meant: one at a time, also of another control plane's. */
@Injectable()
export class AcmeOrders implements OnApplicationShutdown {
  #ordering: Ordering | undefined

  constructor(
    private readonly site: Site,
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly leases: Leases,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
    private readonly sealing: Sealing,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  get isOrdering(): boolean {
    return this.#ordering !== undefined
  }

  /** Ends with the order; whoever asks meanwhile waits for that one. `isWanted` is asked when it is our turn. */
  begin(isWanted: () => Promise<boolean>): Promise<void> {
    if (this.#ordering !== undefined) return this.#ordering.done
    const stop = new AbortController()
    const done = this.#orderInTurn(stop.signal, isWanted).finally(() => {
      this.#ordering = undefined
    })
    this.#ordering = { done, stop }
    return done
  }

  async end(): Promise<void> {
    this.#ordering?.stop.abort()
    await this.#ordering?.done
  }

  async onApplicationShutdown(): Promise<void> {
    await this.end()
  }

  async #orderInTurn(stop: AbortSignal, isWanted: () => Promise<boolean>): Promise<void> {
    try {
      await this.leases.runInTurn(ORDER, stop, async (lease) => {
        if (await isWanted()) await this.#order(stop, lease)
      })
    } catch (error) {
      if (!stop.aborted) this.log.error({ err: error }, 'no certificate can be ordered for now')
    }
  }

  async #order(stop: AbortSignal, lease: Lease): Promise<void> {
    const triedAt = this.clock.now()
    const { acme } = await this.database.transaction(readIntent)
    if (acme === undefined || acme === null) return
    try {
      const { clock, random, sealing } = this
      const folder = this.site.certificates
      const challenges = await openChallengeFolder(challengesOf(this.site), random)
      const names = parseNames(acme.names)
      const settings = settingsOf(acme)
      const options = { folder, sealing, settings, names, challenges, clock, random }
      const either = AbortSignal.any([stop, lease.signal])
      const checked = await withinOrderLimit(clock, either, (signal) =>
        orderAcmeCertificate({ ...options, signal }),
      )
      await this.#use(acme, checked, lease)
      await checked.orders.drop()
      this.log.info({ directory: acme.directory, names }, 'a certificate by ACME is in force')
    } catch (error) {
      const why: unknown = lease.signal.aborted ? lease.signal.reason : error
      if (why instanceof LeaseLost) this.log.info(why.message)
      else if (!stop.aborted && !isOfAnother(error)) await this.#noteFailure(error, { acme, triedAt, lease })
    }
  }

  async #use(wish: AcmeIntent, { certificate }: CheckedCertificate, lease: Lease): Promise<void> {
    await storeServerCertificate(this.site.certificates, certificate, this.random)
    const { fingerprint } = certificate
    await this.configurations.change(THE_BOX, {
      ...{ action: 'certificates.acme.issued', target: 'server' },
      run: async (manager) => {
        await lease.require(manager)
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
  async #noteFailure(error: unknown, { acme, triedAt, lease }: Tried): Promise<void> {
    const isForPeople = error instanceof CertificateRefused || error instanceof ProductError
    const reason = isForPeople ? error.message : 'something is broken here: the log tells more'
    this.log.warn(isForPeople ? { reason } : { err: error }, 'no certificate came by ACME')
    try {
      await this.database.transaction(async (manager) => {
        await lease.require(manager)
        // Another server is meant by now: it has not failed.
        if (!isDeepStrictEqual((await readIntent(manager)).acme, acme)) return
        const { failures: before, terms } = await readAcmeState(manager)
        const failures = before + 1
        const nextTryAt = new Date(triedAt.getTime() + pauseAfterMs(failures)).toISOString()
        const state: AcmeState = { failures, reason, terms, triedAt: triedAt.toISOString(), nextTryAt }
        await writeAcmeState(manager, state)
      })
    } catch (unkept) {
      if (unkept instanceof LeaseLost) this.log.info(unkept.message)
      else this.log.error({ err: unkept }, 'why no certificate came could not be kept')
    }
  }

  async isFine(intent: Intent): Promise<boolean> {
    if (intent.acme === undefined || intent.acme === null) return true
    const served = await this.findServed(intent)
    return served !== undefined && expiryOf(served, this.clock.now()).state === 'fine'
  }

  /** The certificate in force, when it is this server's and for these names. */
  async findServed({ acme, certificate }: Pick<Intent, 'acme' | 'certificate'>) {
    if (acme === undefined || acme === null || certificate?.acme !== acme.directory) return undefined
    const found = await findServerCertificate(this.site.certificates, certificate.fingerprint)
    return found !== undefined && new Set(found.names).isSupersetOf(new Set(acme.names)) ? found : undefined
  }
}

/** Another wish: what became of ours is nothing to be told. */
function isOfAnother(error: unknown): boolean {
  return error instanceof ProductError && error.failure === 'changed-meanwhile'
}

/** What a server is asked with. */
export function settingsOf({ directory, ca, contact }: AcmeIntent) {
  return {
    directoryUrl: directory,
    ...(ca !== null && { directoryCa: ca }),
    ...(contact !== null && { contactMail: contact }),
  }
}
