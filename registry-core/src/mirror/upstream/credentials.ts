import type { UpstreamSettings } from '../mirror-settings.js'
import type { Clock } from '../../system/clock.js'
import { watchFile } from '../../system/watched-file.js'
import { findMisspelling } from './misspelt-hosts.js'
import { UpstreamFailure } from './upstream-failure.js'

/** A user and a password as a request carries them; another object when they are others. */
export interface Credential {
  readonly authorization: string
}

const FILE_LIMIT_BYTES = 64 * 1024

/**
 * What the upstream's account is at the moment; undefined when it has none, or when its host looks like a known one
 * misspelt and nobody has confirmed it.
 */
export function openCredentials(settings: UpstreamSettings, clock: Clock): () => Credential | undefined {
  const { credentials, isConfirmed } = settings
  if (credentials === undefined) return () => undefined
  if (!isConfirmed && findMisspelling(settings) !== undefined) return () => undefined
  const { username, password } = credentials
  if ('text' in password) {
    const fixed = basic(username, password.text)
    return () => fixed
  }
  const file = watchFile(password.file, FILE_LIMIT_BYTES, clock)
  let seen: object | undefined
  let credential: Credential | undefined
  return () => {
    const version = file.current()
    if (version.text === undefined)
      throw new UpstreamFailure(
        'unauthorized',
        `passwordFile of the upstream ${settings.host}, ${file.path}, cannot be read (${version.fault ?? 'unknown'})`,
      )
    if (version !== seen) credential = basic(username, version.text.replace(/[\r\n]+$/, ''))
    seen = version
    return credential
  }
}

function basic(username: string, password: string): Credential {
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}` }
}
