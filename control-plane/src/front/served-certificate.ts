import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import type { OwnCa } from './certificates/own-ca.js'
import { ensureOwnCertificates, findOwnCertificates } from './certificates/own-certificates.js'
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

/** A certificate, and where it comes from. */
export interface FoundCertificate {
  readonly server: ServerCertificate
  /** The own authority, which is there in any case. */
  readonly ca: OwnCa
  /** PEM that clients install; undefined when somebody else's authority has issued it, which they have. */
  readonly authority: string | undefined
  readonly source: 'own' | 'uploaded' | 'acme'
}

/** Every name that the box's own certificate has. */
export function namesOf(site: Site, intent: Pick<Intent, 'nginx' | 'upstreams'>): readonly string[] {
  return [...site.names, ...nginxSettings.parse(intent.nginx).names, ...virtualNamesOf(intent)]
}

/** What the TLS listeners show, and whom clients have to trust for it. */
export interface ServedCertificate extends FoundCertificate, ServerCertificateFiles {}

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
    ...{
      source: chosen.acme === undefined ? ('uploaded' as const) : ('acme' as const),
      server: uploaded,
      ca,
    },
    ...serverCertificateFiles(site.certificates, chosen.fingerprint),
    authority: chosen.root ?? undefined,
  }
}

/** Which one is served, for whoever asks: nothing is made. @throws Error before the first start has made any */
export async function findServedCertificate(
  intent: Pick<Intent, 'nginx' | 'certificate' | 'upstreams'>,
  { site, clock }: { readonly site: Site; readonly clock: Pick<Clock, 'now'> },
): Promise<FoundCertificate> {
  const { certificate: chosen } = intent
  const names = namesOf(site, intent)
  const own = await findOwnCertificates({ folder: site.certificates, names, clock })
  const given =
    chosen === null ? undefined : await findServerCertificate(site.certificates, chosen.fingerprint)
  if (chosen === null || given === undefined) return { source: 'own', ...own, authority: own.ca.pem }
  const source = chosen.acme === undefined ? 'uploaded' : 'acme'
  return { source, server: given, ca: own.ca, authority: chosen.root ?? undefined }
}
