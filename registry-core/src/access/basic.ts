import { RegistryError } from '../oci/failure.js'
import type { Credentials } from './logins.js'

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** The name and password of `Basic` credentials (RFC 7617). @throws RegistryError `login-failed` for what are none */
export function parseBasic(value: string): Credentials {
  const text = BASE64.test(value) ? Buffer.from(value, 'base64').toString('utf8') : ''
  const colon = text.indexOf(':')
  if (colon < 0) throw new RegistryError('login-failed', {})
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
