import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import type { OwnCa } from './certificates/own-ca.js'
import { ensureOwnCertificates } from './certificates/own-certificates.js'
import {
  findServerCertificate,
  type ServerCertificate,
  type ServerCertificateFiles,
  serverCertificateFiles,
} from './certificates/server-certificate.js'
import type { Intent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'
import type { Site } from './site.js'
import { virtualNamesOf } from './virtual-hosts.js'

/** What the TLS listeners show, and whom clients have to trust for it. */
export interface ServedCertificate extends ServerCertificateFiles {
  readonly server: ServerCertificate
  /** The own authority, which is there in any case. */
  readonly ca: OwnCa
  /** PEM that clients install; undefined when somebody else's authority has issued it, which they have. */
  readonly authority: string | undefined
  readonly source: 'own' | 'uploaded'
}

/** Every name that the box's own certificate has. */
export function namesOf(site: Site, intent: Pick<Intent, 'nginx' | 'upstreams'>): readonly string[] {
  return [...site.names, ...nginxSettings.parse(intent.nginx).names, ...virtualNamesOf(intent)]
}

/** Which certificate is meant; one of the own authority is issued when there is none with these names. */
export async function chooseCertificate(
  intent: Pick<Intent, 'nginx' | 'certificate' | 'upstreams'>,
  {
    site,
    clock,
    random,
  }: { readonly site: Site; readonly clock: Pick<Clock, 'now'>; readonly random: Random },
): Promise<ServedCertificate> {
  const { certificate: chosen } = intent
  const names = namesOf(site, intent)
  const own = await ensureOwnCertificates({ folder: site.certificates, names, clock, random })
  const { ca } = own
  const { server, certificate, key } = own
  if (chosen === null) return { source: 'own', server, ca, certificate, key, authority: ca.pem }
  const uploaded = await findServerCertificate(site.certificates, chosen.fingerprint)
  // It was there when it was chosen: without its files the box would not start at all.
  if (uploaded === undefined) return { source: 'own', server, ca, certificate, key, authority: ca.pem }
  return {
    ...{ source: 'uploaded', server: uploaded, ca },
    ...serverCertificateFiles(site.certificates, chosen.fingerprint),
    authority: chosen.root ?? undefined,
  }
}
