import { readFile } from 'node:fs/promises'

import { Injectable } from '@nestjs/common'

import { ClockProvider, RandomProvider } from '../system/providers.js'
import type { CertificatesShown } from './certificates.schema.js'
import { expiryOf } from './certificates/expiry.js'
import { ownCaFiles } from './certificates/own-ca.js'
import { ensureOwnCertificates, type OwnCertificates } from './certificates/own-certificates.js'
import { NginxSettingsService } from './nginx-settings.service.js'
import { Site } from './site.js'

/** The own authority and what it has issued; they lie in files, so that nginx does without us. */
@Injectable()
export class Certificates {
  constructor(
    private readonly site: Site,
    private readonly settings: NginxSettingsService,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {}

  async show(): Promise<CertificatesShown> {
    const { value } = await this.settings.get()
    const { ca, server } = await this.#own(value.names)
    return {
      authority: { fingerprint: ca.fingerprint, ...times(ca) },
      server: {
        fingerprint: server.fingerprint,
        names: [...server.names],
        ...times(server),
        ...expiryOf(server, this.clock.now()),
      },
    }
  }

  /** PEM; it needs no database, so that clients can be set up while there is none. */
  async authority(): Promise<string> {
    return readFile(ownCaFiles(this.site.certificates).certificate, 'utf8')
  }

  #own(further: readonly string[]): Promise<OwnCertificates> {
    const { certificates: folder, names } = this.site
    return ensureOwnCertificates({
      folder,
      names: [...names, ...further],
      clock: this.clock,
      random: this.random,
    })
  }
}

function times({ notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date }) {
  return { notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() }
}
