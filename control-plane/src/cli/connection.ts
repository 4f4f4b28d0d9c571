import { readFileSync } from 'node:fs'

import { usageError } from './failures.js'
import type { StoredLogin } from './stored-login.js'

const DEFAULT_SERVER = 'https://127.0.0.1:5445'

/** What every command that asks the box may be told. */
export interface ConnectionOptions {
  readonly server?: string
  readonly token?: string
  readonly ca?: string
}

/** Where the box is asked, and by whom. */
export interface Connection {
  readonly server: string
  readonly token: string | undefined
  /** PEM; undefined trusts what the system trusts. */
  readonly ca: string | undefined
}

/** Options win, then the environment, then the last login; of that nothing is sent to another server. */
export function findConnection(
  options: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
  login: StoredLogin | undefined,
): Connection {
  const { ENTREPOT_SERVER, ENTREPOT_ADMIN_TOKEN } = environment
  const named = options.server ?? given(ENTREPOT_SERVER)
  const token = options.token ?? given(ENTREPOT_ADMIN_TOKEN)
  const ca = options.ca === undefined ? undefined : readAuthority(options.ca)
  const server = readServer(named ?? login?.server ?? DEFAULT_SERVER)
  const kept = login !== undefined && login.server === server ? login : undefined
  return { server, token: token ?? kept?.token, ca: ca ?? kept?.ca }
}

function readServer(text: string): string {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw usageError(`"${text}" is no address of a box: write it as ${DEFAULT_SERVER}`)
  return url.origin
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`--ca: ${Error.isError(error) ? error.message : String(error)}`)
  }
}

function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
