import { RegistryError } from '../oci/failure.js'
import type { Credentials } from './logins.js'

/** The scheme of an `Authorization` header, in small letters, and what follows it (RFC 9110 §11.6.2). */
export function splitAuthorization(header: string): { readonly scheme: string; readonly value: string } {
  const space = header.indexOf(' ')
  return {
    scheme: header.slice(0, Math.max(0, space)).toLowerCase(),
    value: header.slice(space + 1).trim(),
  }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** The name and password of `Basic` credentials (RFC 7617). @throws RegistryError `login-failed` for what are none */
export function parseBasic(value: string): Credentials {
  const text = BASE64.test(value) ? Buffer.from(value, 'base64').toString('utf8') : ''
  const colon = text.indexOf(':')
  if (colon < 0) throw new RegistryError('login-failed', {})
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** What clients send that were given no name: they ask as anybody. */
export function areEmpty({ name, password }: Credentials): boolean {
  return name === '' && password === ''
}
