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
  /** The files of the one that was chosen are gone: without an own one in its place the box would not start at all. */
  readonly isChosenLost: boolean
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
  const names = namesOf(site, intent)
  const own = await ensureOwnCertificates({ folder: site.certificates, names, clock, random })
  const found = await chosenOr(own, intent, site)
  const files =
    found.source === 'own' ? own : serverCertificateFiles(site.certificates, found.server.fingerprint)
  return { ...found, certificate: files.certificate, key: files.key }
}

/** Which one is served, for whoever asks: nothing is made. @throws Error before the first start has made any */
export async function findServedCertificate(
  intent: Pick<Intent, 'nginx' | 'certificate' | 'upstreams'>,
  { site, clock }: { readonly site: Site; readonly clock: Pick<Clock, 'now'> },
): Promise<FoundCertificate> {
  const names = namesOf(site, intent)
  return chosenOr(await findOwnCertificates({ folder: site.certificates, names, clock }), intent, site)
}

async function chosenOr(
  { server, ca }: Pick<FoundCertificate, 'server' | 'ca'>,
  { certificate: chosen }: Pick<Intent, 'certificate'>,
  site: Site,
): Promise<FoundCertificate> {
  const own: FoundCertificate = { source: 'own', server, ca, authority: ca.pem, isChosenLost: false }
  if (chosen === null) return own
  const found = await findServerCertificate(site.certificates, chosen.fingerprint)
  if (found === undefined) return { ...own, isChosenLost: true }
  const source = chosen.acme === undefined ? 'uploaded' : 'acme'
  return { source, server: found, ca, authority: chosen.root ?? undefined, isChosenLost: false }
}
