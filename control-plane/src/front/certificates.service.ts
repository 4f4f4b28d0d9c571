import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import { Injectable } from '@nestjs/common'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import type { Caller } from '../http/caller.js'
import { ProductError } from '../http/product-error.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import {
  acceptForRequest,
  findRequest,
  listRequests,
  makeRequest,
  removeRequest,
} from './certificates/csr.js'
import { expiryOf } from './certificates/expiry.js'
import { type CertificateName, parseNames } from './certificates/names.js'
import { ownCaFiles } from './certificates/own-ca.js'
import { refusedAsInvalid } from './certificates/refused-as-invalid.js'
import { storeServerCertificate } from './certificates/server-certificate.js'
import { type CheckedCertificate, checkUploaded } from './certificates/uploaded.js'
import { Acme } from './acme.service.js'
import type { AcmeWish } from './acme.schema.js'
import type {
  CertificatesShown,
  CertificateUpload,
  ChosenCertificate,
  RequestAnswer,
  RequestShown,
  RequestWish,
} from './certificates.schema.js'
import { Configurations } from './configurations.service.js'
import { CERTIFICATE_SETTING, type FrontIntent, readFrontIntent, readIntent } from './intent.js'
import { findServedCertificate, type FoundCertificate, namesOf } from './served-certificate.js'
import { SettingEntity } from './setting.entity.js'
import { Site } from './site.js'

/** What the TLS listeners show. The files are the truth, so that nginx does without us; the choice is a setting. */
@Injectable()
export class Certificates {
  constructor(
    readonly site: Site,
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly audit: Audit,
    private readonly acme: Acme,
    readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {}

  async show(): Promise<CertificatesShown> {
    const intent = await this.database.transaction(readFrontIntent)
    return { ...this.#shown(await findServedCertificate(intent, this)), acme: await this.acme.look(intent) }
  }

  /** PEM; it needs no database, so that clients can be set up while there is none. */
  async authority(): Promise<string> {
    return readFile(ownCaFiles(this.site.certificates).certificate, 'utf8')
  }

  /** Whom clients have to trust for what is shown now, and its key as curl pins it: base64 of SHA-256. */
  async trusted(intent: FrontIntent) {
    const { authority, ca, server } = await findServedCertificate(intent, this)
    const caPem = authority ?? ca.pem
    const key = new X509Certificate(server.pem).publicKey.export({ type: 'spki', format: 'der' })
    return {
      ...{ caPem, fingerprint: new X509Certificate(caPem).fingerprint256 },
      isKnownAnyway: authority === undefined,
      publicKey: createHash('sha256').update(key).digest('base64'),
    }
  }

  /** @throws ProductError `invalid` in clear words for what clients would refuse */
  async upload(body: CertificateUpload, caller: Caller): Promise<ChosenCertificate> {
    const checked = await this.#check((texts) => checkUploaded({ ...texts, ...given(body) }))
    return this.#use(checked, 'certificates.upload', caller)
  }

  async answer(id: string, body: RequestAnswer, caller: Caller): Promise<ChosenCertificate> {
    const folder = this.site.certificates
    await this.#requireRequest(id)
    const checked = await this.#check((texts) => acceptForRequest(folder, id, { ...texts, ...given(body) }))
    return this.#use(checked, 'certificates.answer', caller)
  }

  async reset(caller: Caller): Promise<void> {
    await this.configurations.change(caller, {
      action: 'certificates.reset',
      target: 'server',
      run: async (manager) => {
        await manager.delete(SettingEntity, { name: CERTIFICATE_SETTING })
        await this.acme.forget(manager)
        return { answer: undefined }
      },
    })
    await this.acme.stop()
  }

  /** The certificate may come later: `acme.state` says how it stands. */
  async useAcme(wish: AcmeWish, caller: Caller): Promise<CertificatesShown> {
    await this.acme.put(wish, caller)
    return this.show()
  }

  async renewAcme(caller: Caller): Promise<CertificatesShown> {
    await this.acme.renew(caller)
    return this.show()
  }

  /** What was uploaded meanwhile stays. */
  async dropAcme(caller: Caller): Promise<void> {
    await this.configurations.change(caller, {
      ...{ action: 'certificates.acme.drop', target: 'server' },
      run: async (manager) => {
        const { acme: before, certificate } = await readIntent(manager)
        if (certificate?.acme !== undefined)
          await manager.delete(SettingEntity, { name: CERTIFICATE_SETTING })
        await this.acme.forget(manager)
        return { answer: undefined, before }
      },
    })
    await this.acme.stop()
  }

  async requests(): Promise<{ items: RequestShown[] }> {
    const ids = await listRequests(this.site.certificates)
    const found = await Promise.all(ids.map((id) => findRequest(this.site.certificates, id)))
    return { items: found.filter((each) => each !== undefined).map(({ id, pem }) => ({ id, pem })) }
  }

  async request({ names, key, organization }: RequestWish, caller: Caller): Promise<RequestShown> {
    const wanted = names ?? (await this.#names())
    const { id, pem } = await refusedAsInvalid(() =>
      makeRequest(
        this.site.certificates,
        {
          ...{ names: parseNames(wanted, { wildcard: true }), key },
          ...(organization !== undefined && { organization }),
        },
        this.random,
      ),
    )
    await this.#note(caller, 'certificates.request', id, { after: { names: wanted, key } })
    return { id, pem }
  }

  async dropRequest(id: string, caller: Caller): Promise<void> {
    await this.#requireRequest(id)
    await this.#note(caller, 'certificates.drop-request', id, {})
    await removeRequest(this.site.certificates, id)
  }

  /** @throws ProductError `not-found` */
  async #requireRequest(id: string): Promise<void> {
    if ((await findRequest(this.site.certificates, id)) === undefined)
      throw new ProductError('not-found', { what: 'certificate request', name: id })
  }

  async #check(
    check: (texts: {
      boxNames: readonly CertificateName[]
      now: Date
    }) => CheckedCertificate | Promise<CheckedCertificate>,
  ): Promise<CheckedCertificate> {
    const boxNames = parseNames(await this.#names())
    return refusedAsInvalid(async () => check({ boxNames, now: this.clock.now() }))
  }

  async #use(
    { certificate, root, warnings }: CheckedCertificate,
    action: string,
    caller: Caller,
  ): Promise<ChosenCertificate> {
    await storeServerCertificate(this.site.certificates, certificate, this.random)
    const { fingerprint } = certificate
    await this.configurations.change(caller, {
      action,
      target: 'server',
      run: async (manager) => {
        const before = await manager.findOneBy(SettingEntity, { name: CERTIFICATE_SETTING })
        const value = { fingerprint, root: root ?? null }
        await manager.save(SettingEntity, {
          name: CERTIFICATE_SETTING,
          value,
          version: (before?.version ?? 0) + 1,
        })
        await this.acme.forget(manager)
        return { answer: undefined, before: before?.value, after: { fingerprint } }
      },
    })
    await this.acme.stop()
    return { ...(await this.show()), warnings: warnings.map(({ sentence }) => sentence) }
  }

  async #names(): Promise<readonly string[]> {
    return namesOf(this.site, await this.database.transaction(readIntent))
  }

  #note(caller: Caller, action: string, target: string, change: { readonly after?: unknown }): Promise<void> {
    return this.database.transaction((manager) =>
      this.audit.note(manager, caller, { action, target, ...change }),
    )
  }

  #shown({ ca, server, source, isChosenLost }: FoundCertificate): Omit<CertificatesShown, 'acme'> {
    return {
      authority: { fingerprint: ca.fingerprint, ...times(ca) },
      server: {
        ...{ source, fingerprint: server.fingerprint, issuer: server.issuer, names: [...server.names] },
        ...times(server),
        ...expiryOf(server, this.clock.now()),
        isChosenLost,
      },
    }
  }
}

/** What was sent, without what was left out. */
function given({ certificate, key, allowUnknownIssuer }: CertificateUpload) {
  return {
    certificate,
    ...(key !== undefined && { key }),
    ...(allowUnknownIssuer !== undefined && { allowUnknownIssuer }),
  }
}

function times({ notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date }) {
  return { notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() }
}
