import { statSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import type { TlsSettings } from '../../config/settings.js'
import type { Clock } from '../../system/clock.js'
import { loadCertificates } from './certificates.js'

/** The certificates that the process serves with; renewed files are taken without a restart. */
export interface Certificates {
  /** Only clients that show a certificate of one of `http.tls.clientcas` get in. */
  readonly wantsClients: boolean
  readonly context: SecureContextOptions
  /** What clients may stumble over now, in sentences. */
  warnings(): readonly string[]
  /**
   * Reads the files again where one has changed; answers a sentence when the new ones are in use.
   * @throws Error when they do not fit: what was served so far stays; said once for each change
   */
  renew(): string | undefined
  /** Calls `use` with each new context; answers what ends that. */
  onRenewal(use: (context: SecureContextOptions) => void): () => void
}

/** @throws Error as `loadCertificates` */
export function openCertificates(tls: TlsSettings, clock: Pick<Clock, 'now'>): Certificates {
  const files = [tls.certificate, tls.key, ...tls.clientCas]
  const users = new Set<(context: SecureContextOptions) => void>()
  let seen = stampOf(files)
  let loaded = loadCertificates(tls, clock.now())
  return {
    wantsClients: tls.clientCas.length > 0,
    get context() {
      return loaded.context
    },
    warnings: () => loaded.warnings,
    renew() {
      const stamp = stampOf(files)
      if (stamp === seen) return undefined
      // Tools write certificate and key one after the other: a pair that does not fit yet is read again when it changes.
      seen = stamp
      loaded = loadCertificates(tls, clock.now())
      for (const use of users) use(loaded.context)
      return `${tls.certificate} was renewed, and is served from now on`
    },
    onRenewal(use) {
      users.add(use)
      return () => users.delete(use)
    },
  }
}

/** Changes whenever one of the files does; links are followed, as renewals often move one. */
function stampOf(files: readonly string[]): string {
  const stamps = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false })
    return stat === undefined ? 'missing' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`
  })
  return stamps.join(' ')
}
