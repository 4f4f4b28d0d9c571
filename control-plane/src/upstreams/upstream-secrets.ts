import { z } from 'zod'

import { ProductError } from '../http/product-error.js'
import type { Sealing } from '../system/sealed.js'

/** What is sent of an upstream and never read back. */
export interface UpstreamSecrets {
  readonly password: string | undefined
  /** That of the user whom `proxy` names. */
  readonly proxyPassword: string | undefined
}

/** What stands in the place of a proxy's password wherever it is read. */
export const HIDDEN = '***'

const sealedForm = z.strictObject({ password: z.string().optional(), proxyPassword: z.string().optional() })

/** Whom sealed passwords belong to. */
function ownerOf(host: string): string {
  return `upstream ${host}`
}

/** One text for the database; null when there is nothing to hide. */
export function sealSecrets(sealing: Sealing, host: string, secrets: UpstreamSecrets): string | null {
  const { password, proxyPassword } = secrets
  if (password === undefined && proxyPassword === undefined) return null
  return sealing.seal(JSON.stringify({ password, proxyPassword }), ownerOf(host))
}

/** @throws ProductError `other-key` for what another key has sealed, or another host's */
export function openSecrets(sealing: Sealing, host: string, sealed: string | null): UpstreamSecrets {
  if (sealed === null) return { password: undefined, proxyPassword: undefined }
  const text = opened(sealing, host, sealed)
  const { data } = sealedForm.safeParse(parseJson(text))
  // What is not of this form is a password alone, as it was sealed before proxies had one.
  return data === undefined
    ? { password: text, proxyPassword: undefined }
    : { password: data.password, proxyPassword: data.proxyPassword }
}

/** Undefined for what another key has sealed: whoever reads it goes on without. */
export function findSecrets(
  sealing: Sealing,
  host: string,
  sealed: string | null,
): UpstreamSecrets | undefined {
  try {
    return openSecrets(sealing, host, sealed)
  } catch (error) {
    if (error instanceof ProductError) return undefined
    throw error
  }
}

function opened(sealing: Sealing, host: string, sealed: string): string {
  try {
    return sealing.open(sealed, ownerOf(host))
  } catch (error) {
    throw new ProductError('other-key', { host }, { cause: error })
  }
}

/** Undefined for what is none: the message of JSON.parse would quote a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A proxy's URL as everybody may read it, and the password that stood in it. */
export function splitProxy(proxy: unknown): {
  readonly shown: unknown
  readonly password: string | undefined
} {
  const url = typeof proxy === 'string' ? URL.parse(proxy) : null
  if (url === null || url.password === '') return { shown: proxy, password: undefined }
  const password = unescaped(url.password)
  url.password = HIDDEN
  return { shown: url.href.replace(/\/$/, ''), password }
}

/** A proxy's URL as the core's file has it: the password stands in a file of its own. */
export function withoutProxyPassword(proxy: unknown): unknown {
  const url = typeof proxy === 'string' ? URL.parse(proxy) : null
  if (url === null || url.password === '') return proxy
  url.password = ''
  return url.href.replace(/\/$/, '')
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // the core's schema refuses it, and says why
  }
}
