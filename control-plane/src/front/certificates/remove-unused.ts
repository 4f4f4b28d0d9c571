import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'
import { expiryOf } from './expiry.js'
import { findServerCertificate, serverCertificateFiles } from './server-certificate.js'

/** Somebody may just have made it, and not said yet what for. */
const YOUNG_MS = 60 * 60 * 1000

/** What is still needed, besides what is young. */
export interface Needed {
  /** Files of certificates that nginx may read. */
  readonly files: ReadonlySet<string>
  /** Fingerprints that a rollback may ask for, unless they have ended: nobody is helped by these. */
  readonly fingerprints: ReadonlySet<string>
  readonly now: Date
}

/**
 * Removes the pairs of the folder that nobody needs any more, and keys whose certificate never came. Answers how many; the
 * caller has the lock of the configuration, so that nothing is taken into force meanwhile.
 */
export async function removeUnused(folder: string, { files, fingerprints, now }: Needed): Promise<number> {
  let removed = 0
  for (const name of await namesOf(path.join(folder, 'server'))) {
    const [, hex] = /^([0-9a-f]{64})\.key$/.exec(name) ?? []
    if (hex === undefined) continue
    const pair = serverCertificateFiles(folder, hex)
    if (files.has(pair.certificate) || (await isYoung(pair.key, now))) continue
    const found = await findServerCertificate(folder, hex)
    const isNamed = found !== undefined && fingerprints.has(found.fingerprint)
    if (isNamed && expiryOf(found, now).state !== 'expired') continue
    // The certificate first: one without its key is never looked at again.
    await rm(pair.certificate, { force: true })
    await rm(pair.key, { force: true })
    removed += 1
  }
  return removed
}

async function isYoung(file: string, now: Date): Promise<boolean> {
  try {
    return now.getTime() - (await stat(file)).mtimeMs < YOUNG_MS
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true // somebody else has removed it
    throw error
  }
}

async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
