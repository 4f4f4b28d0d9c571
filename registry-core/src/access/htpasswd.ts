import type { Log } from '../system/log.js'
import type { FileVersion, WatchedFile } from '../system/watched-file.js'
import { BCRYPT_SHAPE, costOf } from './bcrypt-hash.js'

/** A file of htpasswd may be so large. */
export const HTPASSWD_LIMIT_BYTES = 1024 * 1024

/** The users of `auth.htpasswd`: read again when the file has changed. */
export class Htpasswd {
  readonly #file: WatchedFile
  readonly #log: Log
  #version: FileVersion | undefined
  #users: HtpasswdUsers = { hashes: new Map(), highestCost: 0, findings: [] }

  constructor({ file, log }: { readonly file: WatchedFile; readonly log: Log }) {
    this.#file = file
    this.#log = log
  }

  /** The users as the file has them now; none while it cannot be read, which is said once. */
  users(): HtpasswdUsers {
    const version = this.#file.current()
    if (version === this.#version) return this.#users
    this.#version = version
    this.#users = parseHtpasswd(version.text ?? '')
    const { path } = this.#file
    if (version.fault !== undefined)
      this.#log.error(
        { path, fault: version.fault },
        'the file of auth.htpasswd cannot be read: none of its users can log in',
      )
    for (const finding of this.#users.findings) this.#log.warn({ path }, finding)
    return this.#users
  }
}

export interface HtpasswdUsers {
  /** Name to bcrypt hash. */
  readonly hashes: ReadonlyMap<string, string>
  readonly highestCost: number
  /** What was passed over, in sentences that name the line and never the hash. */
  readonly findings: readonly string[]
}

/** Reads `name:hash` lines; what is not bcrypt is passed over, as registry:2 does, and named. */
export function parseHtpasswd(text: string): HtpasswdUsers {
  const hashes = new Map<string, string>()
  const findings: string[] = []
  let highestCost = 0
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    const name = entry.slice(0, Math.max(0, colon))
    const hash = entry.slice(colon + 1)
    if (colon <= 0) findings.push(`line ${index + 1} is no "name:hash", and is passed over`)
    else if (BCRYPT_SHAPE.test(hash)) {
      hashes.set(name, hash)
      highestCost = Math.max(highestCost, costOf(hash))
    } else
      findings.push(
        `line ${index + 1}: "${name}" cannot log in, since only bcrypt hashes of cost 4 to 15 count (htpasswd -B)`,
      )
  }
  return { hashes, highestCost, findings }
}
