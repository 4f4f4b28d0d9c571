import { createPrivateKey, createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import path from 'node:path'

import type { Clock } from '../../../system/clock.js'
import type { Random } from '../../../system/random.js'
import type { Sealing } from '../../../system/sealed.js'
import { makeFolder } from '../create-durably.js'
import type { CertificateName } from '../names.js'
import { type CheckedCertificate, checkUploaded } from '../uploaded.js'
import { AcmeSession, type AcmeServer } from './acme-session.js'
import type { Challenges } from './challenge-folder.js'
import type { ExternalAccount } from './jws.js'
import { KeptOrders } from './kept-order.js'
import { orderCertificate } from './order-certificate.js'
import { acmeFolder, createSealed, findSealed } from './sealed-file.js'

/** An ACME server as the admin names it. */
export type AcmeSettings = Pick<AcmeServer, 'directoryUrl' | 'directoryCa' | 'contactMail'>

/** What ordering needs; `folder` is that of certificates, where the account's key lies. */
export interface AcmeOptions {
  readonly folder: string
  readonly sealing: Sealing
  readonly settings: AcmeSettings
  /** What the authority can reach over port 80; never loopback. */
  readonly names: readonly CertificateName[]
  readonly challenges: Challenges
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

/**
 * Makes the account, or finds it again: whether the server is one, is reached, and takes us is seen before anything is
 * changed. Answers the terms that go with it.
 * @throws CertificateRefused
 */
export async function openAcmeAccount(
  options: Omit<AcmeOptions, 'names' | 'challenges'>,
  externalAccount: ExternalAccount | undefined,
): Promise<string | undefined> {
  const { settings, clock, signal } = options
  const session = await AcmeSession.open({
    ...{ ...settings, accountKey: await accountKey(options), clock, signal },
    ...(externalAccount && { externalAccount }),
  })
  await session.close()
  return session.terms
}

/**
 * Orders a certificate, and looks at it as at an uploaded one before anybody shows it to clients. The caller stores it,
 * drops the order once it is in force, and orders the next one when `expiryOf` says `renew`.
 * @throws CertificateRefused
 */
export async function orderAcmeCertificate(
  options: AcmeOptions,
): Promise<CheckedCertificate & { readonly orders: KeptOrders }> {
  const { folder, sealing, settings, names, challenges, clock, random, signal } = options
  const server = { ...settings, accountKey: await accountKey(options), clock, signal }
  const orders = new KeptOrders(folder, { directoryUrl: settings.directoryUrl, names, sealing, random })
  const { pem, keyPem } = await orderCertificate({ server, names, challenges, orders })
  try {
    const checked = checkUploaded({
      ...{ certificate: pem, key: keyPem, boxNames: names, now: clock.now() },
      allowUnknownIssuer: true, // it sends the chain without the root, and a company's root is known to its clients only
    })
    return { ...checked, orders }
  } catch (error) {
    await orders.drop() // going on with it would bring the same one
    throw error
  }
}

/** One account for each server, for ever: limits of authorities go by accounts. */
async function accountKey({
  folder,
  sealing,
  settings,
  random,
}: Pick<AcmeOptions, 'folder' | 'sealing' | 'settings' | 'random'>): Promise<KeyObject> {
  const name = createHash('sha256').update(settings.directoryUrl).digest('hex').slice(0, 16)
  const file = path.join(acmeFolder(folder), `account-${name}.key`)
  const sealed = { file, sealing, random }
  const kept = await findSealed(sealed)
  if (kept !== undefined) return createPrivateKey(kept)
  await makeFolder(path.dirname(file), 0o700)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await createSealed(sealed, text)
  return createPrivateKey((await findSealed(sealed)) ?? text) // another process may have been faster
}
