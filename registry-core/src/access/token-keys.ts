import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { z } from 'zod'
import type { SharedSecret } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { Random } from '../system/random.js'

const ROTATE_AFTER_MS = 30 * 24 * 3_600_000
/** Processes of one store rotate at times of their own, so that two do not write at once. */
const SPREAD_MS = 24 * 3_600_000

/** A key pair that signs tokens, known by its number. */
export interface TokenKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const fileSchema = z.object({
  format: z.literal(1),
  tokenKeys: z.array(
    z.object({ kid: z.string(), createdAt: z.iso.datetime(), d: z.string(), x: z.string() }),
  ),
})
type KeyFile = z.output<typeof fileSchema>
type KeyEntry = KeyFile['tokenKeys'][number]

interface Loaded {
  readonly entries: readonly KeyEntry[]
  readonly keys: ReadonlyMap<string, TokenKey>
}

const NO_KEYS: Loaded = { entries: [], keys: new Map() }

export interface TokenKeysParts {
  readonly secret: SharedSecret
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The keys of our own tokens, in the store: every process of it signs with the newest and verifies with all. */
export class TokenKeys {
  readonly #parts: TokenKeysParts
  readonly #rotateAfterMs: number
  #text = ''
  #loaded: Loaded | undefined
  #renewing: Promise<TokenKey> | undefined

  constructor(parts: TokenKeysParts) {
    this.#parts = parts
    this.#rotateAfterMs = ROTATE_AFTER_MS + (Number.parseInt(parts.random.hex(4), 16) / 2 ** 32) * SPREAD_MS
  }

  /** The key that signs now; the first one is made when it is first needed. */
  async signing(): Promise<TokenKey> {
    const newest = this.#newestOf(this.#loaded ?? this.#load())
    if (newest !== undefined && !this.#isOld(newest)) return newest.key
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  /** Undefined when no process of this store has such a key; an unknown one is looked for in the file. */
  find(kid: string): TokenKey | undefined {
    return this.#loaded?.keys.get(kid) ?? this.#load().keys.get(kid)
  }

  #isOld({ entry }: { readonly entry: KeyEntry }): boolean {
    return this.#parts.clock.now().getTime() - Date.parse(entry.createdAt) > this.#rotateAfterMs
  }

  #newestOf({ entries, keys }: Loaded): { readonly entry: KeyEntry; readonly key: TokenKey } | undefined {
    const entry = entries.at(-1)
    const key = entry && keys.get(entry.kid)
    return entry && key && { entry, key }
  }

  /** Reads the file; what is damaged holds no keys, and is replaced by the next one that signs. */
  #load(): Loaded {
    const text = this.#read()
    if (this.#loaded !== undefined && text === this.#text) return this.#loaded
    this.#text = text
    this.#loaded = this.#parse(text)
    return this.#loaded
  }

  #read(): string {
    try {
      return this.#parts.secret.read()?.toString('utf8') ?? ''
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the file with the keys of tokens cannot be read')
      return ''
    }
  }

  #parse(text: string): Loaded {
    if (text === '') return NO_KEYS
    try {
      const entries = fileSchema.parse(JSON.parse(text)).tokenKeys
      return { entries, keys: new Map(entries.map((entry) => [entry.kid, toKey(entry)])) }
    } catch {
      this.#parts.log.warn({}, 'the file with the keys of tokens is damaged: a new key takes its place')
      return NO_KEYS
    }
  }

  /** A new key, and the one before it, which verifies until the last of its tokens ends. */
  async #renew(): Promise<TokenKey> {
    const before = this.#load()
    const newest = this.#newestOf(before)
    if (newest !== undefined && !this.#isOld(newest)) return newest.key // another process was faster
    const entry = await makeEntry(this.#parts.clock.now())
    const file: KeyFile = { format: 1, tokenKeys: [...before.entries.slice(-1), entry] }
    const bytes = Buffer.from(`${JSON.stringify(file)}\n`)
    try {
      if (this.#text !== '') await this.#parts.secret.replace(bytes)
      else await this.#parts.secret.create(bytes) // or another process was faster: its key is read below
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the file with the keys of tokens cannot be written')
    }
    return this.#newestOf(this.#load())?.key ?? this.#alone(entry)
  }

  /** A full or read-only disk shall not keep people from pulling: the key lives in this process alone. */
  #alone(entry: KeyEntry): TokenKey {
    this.#parts.log.warn({}, 'tokens are signed with a key that only this process has')
    const key = toKey(entry)
    this.#loaded = { entries: [entry], keys: new Map([...(this.#loaded?.keys ?? []), [entry.kid, key]]) }
    return key
  }
}

async function makeEntry(now: Date): Promise<KeyEntry> {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const { d = '', x = '' } = jwk
  const thumbprint = await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x } satisfies JWK)
  return { kid: `entrepot-${thumbprint.slice(0, 16)}`, createdAt: now.toISOString(), d, x }
}

function toKey({ kid, d, x }: KeyEntry): TokenKey {
  const jwk: JsonWebKey = { kty: 'OKP', crv: 'Ed25519', d, x }
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  return { kid, privateKey, publicKey: createPublicKey(privateKey) }
}
