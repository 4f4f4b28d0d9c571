import { hashSync } from '@node-rs/bcrypt'

import { ACTIONS, type Action, type Right } from '#core/access/may.js'
import type { AccessSettings, AccountSettings } from '#core/access/access-settings.js'
import { compileGlob } from '#core/oci/glob.js'
import type { SharedSecret } from '#core/store/store.js'

/** bcrypt's cheapest, so that tests do not wait for it. */
const COST = 4
const HASHES = new Map<string, string>()

/** The hash of a password, made once. */
export function hashOf(password: string): string {
  const hash = HASHES.get(password) ?? hashSync(password, COST)
  HASHES.set(password, hash)
  return hash
}

/** Actions on one pattern. */
export function right(pattern: string, ...actions: readonly Action[]): Right {
  return { repositories: [compileGlob(pattern)], actions: actions.length === 0 ? ACTIONS : actions }
}

/** An account whose password is its name and `-password`. */
export function account(name: string, rights: readonly Right[], further: Partial<AccountSettings> = {}) {
  return {
    ...{ name, rights, secretHash: hashOf(`${name}-password`), until: undefined, countsAsPull: true },
    ...further,
  }
}

/** Settings with nobody in them, and nothing for anybody. */
export function accessSettings(further: Partial<AccessSettings> = {}): AccessSettings {
  return {
    ...{ anonymous: ['none'], accounts: [], htpasswd: undefined, token: undefined, immutable: [] },
    externalUrl: undefined,
    ...further,
  }
}

/** What a client sends as `Authorization`. */
export function basic(name: string, password = `${name}-password`): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}

/** The file of a store, in memory. */
export class MemorySecret implements SharedSecret {
  bytes: Buffer | undefined

  read(): Buffer | undefined {
    return this.bytes
  }

  async create(bytes: Uint8Array): Promise<boolean> {
    if (this.bytes !== undefined) return false
    this.bytes = Buffer.from(bytes)
    return true
  }

  async replace(bytes: Uint8Array): Promise<void> {
    this.bytes = Buffer.from(bytes)
  }
}
