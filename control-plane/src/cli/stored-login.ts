import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { z } from 'zod'

import { errorCode } from '../system/error-code.js'
import { usageError } from './failures.js'

const login = z.strictObject({
  server: z.string(),
  token: z.string(),
  /** PEM; missing where the system trusts the server. */
  ca: z.string().optional(),
})

/** What `entrepot login` has kept. */
export type StoredLogin = z.output<typeof login>

type Environment = Readonly<Record<string, string | undefined>>

/** Where it lies: of its owner alone, since it holds a token. */
function loginPlace({ XDG_CONFIG_HOME, HOME = '/' }: Environment): string {
  const home =
    XDG_CONFIG_HOME === undefined || XDG_CONFIG_HOME === '' ? path.join(HOME, '.config') : XDG_CONFIG_HOME
  return path.join(home, 'entrepot', 'config.json')
}

/** Undefined before the first login. @throws CommandFailed when the file is damaged */
export function findLogin(environment: Environment): StoredLogin | undefined {
  const place = loginPlace(environment)
  try {
    return login.parse(JSON.parse(readFileSync(place, 'utf8')))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw usageError(`${place} cannot be read: run "entrepot login" again`)
  }
}

/** Whole or not at all, and never readable for others. Answers where. */
export function keepLogin(environment: Environment, kept: StoredLogin): string {
  const place = loginPlace(environment)
  const fresh = `${place}.${process.pid}`
  mkdirSync(path.dirname(place), { recursive: true, mode: 0o700 })
  rmSync(fresh, { force: true })
  writeFileSync(fresh, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  chmodSync(fresh, 0o600)
  renameSync(fresh, place)
  return place
}
