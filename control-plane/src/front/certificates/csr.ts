import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

import { errorCode } from '../../system/error-code.js'
import type { Random } from '../../system/random.js'
import { CertificateRefused, isRefused } from './certificate-refused.js'
import { createDurably, makeFolder } from './create-durably.js'
import type { CertificateName } from './names.js'
import { findKeyText, findText } from './server-certificate.js'
import { type CheckedCertificate, checkUploaded, type UploadedTexts } from './uploaded.js'
import { shortName, signRequest } from './x509.js'

/** What a company's PKI takes: newer ones P-256, older ones RSA only. */
export const REQUEST_KEYS = ['p256', 'rsa2048', 'rsa3072'] as const
export type RequestKey = (typeof REQUEST_KEYS)[number]

/** What a request asks for. Names may have a wildcard: somebody else decides about it. */
export interface RequestWish {
  readonly names: readonly CertificateName[]
  readonly key: RequestKey
  /** As the PKI wants it in the subject. */
  readonly organization?: string
}

/** A request whose key lies on the box, and stays there. */
export interface CertificateRequest {
  readonly id: string
  /** PEM, to be signed by somebody else. */
  readonly pem: string
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const makeKeyPair = promisify(generateKeyPair)

/** Makes a key and the request for it. The key is on disk before anybody can have it signed. */
export async function makeRequest(
  folder: string,
  wish: RequestWish,
  random: Random,
): Promise<CertificateRequest> {
  const id = random.uuid()
  const key = await newKey(wish.key)
  const commonName = shortName(wish.names)
  const publicKey = createPublicKey(key)
  const pem = await signRequest({ ...wish, key, publicKey, ...(commonName !== undefined && { commonName }) })
  const files = filesOf(folder, id)
  await makeFolder(path.dirname(files.key), 0o700)
  const keyText = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  await createDurably({ file: files.key, text: keyText, mode: 0o600, random })
  await createDurably({ file: files.request, text: pem, mode: 0o644, random })
  return { id, pem }
}

/** A request by its id; undefined when there is none. */
export async function findRequest(folder: string, id: string): Promise<CertificateRequest | undefined> {
  const pem = ID.test(id) ? await findText(filesOf(folder, id).request) : undefined
  return pem === undefined ? undefined : { id, pem }
}

/** The ids of all requests. */
export async function listRequests(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(path.join(folder, 'requests'))
    return names.flatMap((name) => (name.endsWith('.csr') ? [name.slice(0, -'.csr'.length)] : [])).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Removes a request and its key. What was issued for it has a copy of the key; one that was not is worth nothing then. */
export async function removeRequest(folder: string, id: string): Promise<void> {
  if (!ID.test(id)) return
  const files = filesOf(folder, id)
  await rm(files.request, { force: true })
  await rm(files.key, { force: true })
}

/**
 * Looks at the certificate that came back for a request, as at an uploaded one. The request stays: a chain that lacks
 * an issuer is sent again, and a renewal may have the same key.
 * @throws CertificateRefused
 */
export async function acceptForRequest(
  folder: string,
  id: string,
  texts: Omit<UploadedTexts, 'key'>,
): Promise<CheckedCertificate> {
  const key = ID.test(id) ? await findKeyText(filesOf(folder, id).key) : undefined
  if (key === undefined) throw new CertificateRefused('request-unknown', { id })
  try {
    return checkUploaded({ ...texts, key })
  } catch (error) {
    if (!isRefused(error, 'key-does-not-fit')) throw error
    throw new CertificateRefused('other-request', { id, ...error.detail }, { cause: error })
  }
}

function filesOf(folder: string, id: string): { readonly key: string; readonly request: string } {
  const name = path.join(folder, 'requests', id)
  return { key: `${name}.key`, request: `${name}.csr` }
}

/** RSA takes a second: off the loop. */
async function newKey(kind: RequestKey): Promise<KeyObject> {
  switch (kind) {
    case 'p256':
      return (await makeKeyPair('ec', { namedCurve: 'P-256' })).privateKey
    case 'rsa2048':
      return (await makeKeyPair('rsa', { modulusLength: 2048 })).privateKey
    case 'rsa3072':
      return (await makeKeyPair('rsa', { modulusLength: 3072 })).privateKey
  }
}
