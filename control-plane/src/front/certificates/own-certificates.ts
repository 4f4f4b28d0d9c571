import os from 'node:os'

import type { Clock } from '../../system/clock.js'
import type { Random } from '../../system/random.js'
import { makeFolder } from './create-durably.js'
import { expiryOf } from './expiry.js'
import { type CertificateName, isAddress, parseNames } from './names.js'
import {
  findOwnCa,
  isIssuedBy,
  issueServerCertificate,
  type OwnCa,
  ownCaFiles,
  readOrMakeOwnCa,
} from './own-ca.js'
import {
  listServerCertificates,
  type ServerCertificate,
  serverCertificateFiles,
  storeServerCertificate,
} from './server-certificate.js'

/** What the box's own certificates are made of. */
export interface OwnCertificatesOptions {
  /** Where certificates lie, absolute. */
  readonly folder: string
  /** What clients type to reach the box: hosts, addresses, and the names of upstream virtual hosts. */
  readonly names: readonly string[]
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

/** The authority and the server certificate that are right now. */
export interface OwnCertificates {
  /** What clients install. */
  readonly caFile: string
  /** Of the authority: SHA-256 as people compare it, `AB:CD:…`. */
  readonly fingerprint: string
  readonly ca: OwnCa
  /** Files for nginx. */
  readonly certificate: string
  readonly key: string
  readonly server: ServerCertificate
}

/**
 * Makes what is missing: the authority on the first start; a server certificate when none has exactly these names, or
 * a third of its life is left. Called again with the same it changes nothing, so it is the renewal as well.
 * @throws CertificateRefused
 */
export async function ensureOwnCertificates(options: OwnCertificatesOptions): Promise<OwnCertificates> {
  const { folder, clock, random } = options
  const names = parseNames(options.names)
  await makeFolder(folder, 0o755)
  const ca = await readOrMakeOwnCa({ folder, boxName: boxNameOf(names), clock, random })
  const server = (await findCurrent(ca, names, options)) ?? (await issueAndStore(ca, names, options))
  const { certificate, key } = serverCertificateFiles(folder, server.fingerprint)
  return { caFile: ownCaFiles(folder).certificate, fingerprint: ca.fingerprint, ca, certificate, key, server }
}

/**
 * Those that `ensureOwnCertificates` has made last: a certificate whose renewal is due, too, and one of other names when
 * there is none of these yet. @throws Error before any was made
 */
export async function findOwnCertificates({
  folder,
  names: texts,
  clock,
}: Omit<OwnCertificatesOptions, 'random'>): Promise<Pick<OwnCertificates, 'ca' | 'server'>> {
  const names = parseNames(texts)
  const ca = await findOwnCa(folder)
  if (ca === undefined) throw new Error(`there is no authority in ${folder} yet`)
  const own = (await listServerCertificates(folder))
    .filter((one) => isIssuedBy(ca, one))
    .sort((one, other) => other.notBefore.getTime() - one.notBefore.getTime())
  const server =
    (await findCurrent(ca, names, { folder, clock })) ??
    own.find((one) => isSameNames(one.names, names)) ??
    own[0]
  if (server === undefined) throw new Error(`there is no certificate in ${folder} yet`)
  return { ca, server }
}

/** The one that lasts longest of those that fit. */
async function findCurrent(
  ca: OwnCa,
  names: readonly CertificateName[],
  { folder, clock }: Pick<OwnCertificatesOptions, 'folder' | 'clock'>,
): Promise<ServerCertificate | undefined> {
  const now = clock.now()
  const stored = await listServerCertificates(folder)
  return stored
    .filter((one) => isSameNames(one.names, names) && isIssuedBy(ca, one) && !isDue(ca, one, now))
    .sort((one, other) => other.notAfter.getTime() - one.notAfter.getTime())[0]
}

async function issueAndStore(
  ca: OwnCa,
  names: readonly CertificateName[],
  { folder, clock, random }: OwnCertificatesOptions,
): Promise<ServerCertificate> {
  const server = await issueServerCertificate(ca, { names, now: clock.now(), random })
  await storeServerCertificate(folder, server, random)
  return server
}

/** One that ends with its authority is as long as it can be: another would be no better. */
function isDue(ca: OwnCa, server: ServerCertificate, now: Date): boolean {
  return expiryOf(server, now).state !== 'fine' && server.notAfter < ca.notAfter
}

function isSameNames(some: readonly CertificateName[], others: readonly CertificateName[]): boolean {
  const set = new Set(some)
  return set.size === others.length && others.every((name) => set.has(name))
}

/** The name by which people know the box: one that clients use, before the machine's own. */
function boxNameOf(names: readonly CertificateName[]): string {
  const host = names.find((name) => !isAddress(name) && name !== 'localhost')
  return host ?? os.hostname().replace(/[^A-Za-z0-9.-]/g, '-')
}
