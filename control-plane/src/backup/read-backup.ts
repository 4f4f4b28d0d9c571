import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

import { createTarDecoder, type ParsedTarEntry } from 'modern-tar'

import { ProductError } from '../http/product-error.js'
import { errorCode } from '../system/error-code.js'
import {
  digestOf,
  FORMAT,
  FORMAT_ENTRY,
  formatEntry,
  KEY_ENTRY,
  type Manifest,
  manifest,
  MANIFEST_ENTRY,
} from './archive.js'
import { certificateFileOf } from './certificate-files.js'
import { decrypt, isEncrypted } from './encryption.js'
import { TABLES } from './tables.js'

/** Of one entry; ours have a mebibyte, and one row more. */
const ENTRY_BYTES = 256 * 1024 * 1024
const UPLOAD_BYTES = 4 * 1024 ** 3
const START_BYTES = 64
/** Of all entries together: a few of a gzip's bytes may stand for millions. */
const UNPACKED_BYTES = 16 * 1024 ** 3
/** What an entry takes besides its bytes. */
const HEADER_BYTES = 512

/** A backup whose every byte is as it was written, unpacked. */
export interface UnpackedBackup {
  readonly manifest: Manifest
  /** The names of its entries, in their order. */
  readonly entries: readonly string[]
  read(entry: string): Promise<Buffer>
}

/**
 * Takes all of the body before anything is said about it, then unpacks it into this folder.
 * @throws ProductError `not-restorable` in clear words for what is none, is broken, or is of another format
 */
export async function readBackup(
  body: Readable,
  {
    folder,
    passphrase,
    mostBytes = UNPACKED_BYTES,
  }: { readonly folder: string; readonly passphrase: string | undefined; readonly mostBytes?: number },
): Promise<UnpackedBackup> {
  const upload = path.join(folder, 'upload')
  try {
    await pipeline(body, limited, createWriteStream(upload, { mode: 0o600 }))
    const found = await unpack(upload, { folder, passphrase, mostBytes })
    await rm(upload)
    return { ...found, read: (entry) => readFile(unpackedFile(folder, entry)) }
  } catch (error) {
    if (error instanceof ProductError || isOfTheSystem(error)) throw error
    throw refusal('it was cut short, or changed', error)
  }
}

/** A backup that cannot be taken, `not-restorable`: `why` is a clause, to which "nothing has changed" is added. */
export function refusal(why: string, cause?: unknown): ProductError {
  return new ProductError('not-restorable', { why }, { cause })
}

async function* limited(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0
  for await (const bytes of source) {
    size += bytes.length
    // What comes after is read and dropped, so that the client hears why.
    if (size <= UPLOAD_BYTES) yield bytes
  }
  if (size > UPLOAD_BYTES) throw refusal(`it has more than ${UPLOAD_BYTES} bytes`)
}

async function unpack(
  upload: string,
  {
    folder,
    passphrase,
    mostBytes,
  }: { readonly folder: string; readonly passphrase: string | undefined; readonly mostBytes: number },
) {
  const start = await startOf(upload)
  if (start.length === 0)
    throw refusal('the body is empty: send the file, with Content-Type: application/octet-stream')
  const isGzip = start.readUInt8(0) === 0x1f && start.length > 1 && start.readUInt8(1) === 0x8b
  if (!isGzip && !isEncrypted(start)) throw refusal('it is no backup of an Entrepot')
  const plain = createGunzip()
  const source = createReadStream(upload)
  const unpacking = isGzip ? pipeline(source, plain) : pipeline(source, decrypt(passphrase), plain)
  try {
    const [found] = await Promise.all([unpackEntries(plain, folder, mostBytes), unpacking])
    return found
  } catch (error) {
    plain.destroy()
    // Whoever reads hears of it as something else.
    await unpacking.catch((cause: unknown) => {
      if (cause instanceof ProductError) throw cause
    })
    throw error
  }
}

async function unpackEntries(plain: Readable, folder: string, mostBytes: number) {
  let size = 0
  const digests = new Map<string, string>()
  let last: Buffer | undefined
  for await (const entry of Readable.toWeb(plain).pipeThrough(createTarDecoder({ strict: true }))) {
    const { name } = entry.header
    size += entry.header.size + HEADER_BYTES
    if (size > mostBytes) throw refusal(`it unpacks to more than ${mostBytes} bytes`)
    if (last !== undefined) throw refusal(`${name} stands after its end`)
    const bytes = await bytesOf(entry)
    if (digests.size === 0) checkFormat(name, bytes)
    else if (name === MANIFEST_ENTRY) last = bytes
    else await keep(folder, name, bytes, digests)
    digests.set(name, digestOf(bytes))
  }
  if (last === undefined) throw refusal('it was cut short')
  return checkManifest(last, digests)
}

function checkFormat(name: string, bytes: Buffer): void {
  const parsed = name === FORMAT_ENTRY ? formatEntry.safeParse(json(bytes)) : undefined
  if (parsed?.success !== true) throw refusal('it is no backup of an Entrepot')
  const { format } = parsed.data
  if (format !== FORMAT)
    throw refusal(
      `it has the format ${format}, and this version reads format ${FORMAT}: use the version that made it`,
    )
}

function checkManifest(bytes: Buffer, digests: Map<string, string>) {
  const read = manifest.safeParse(json(bytes))
  if (!read.success) throw refusal('its manifest is not one of ours')
  const kept = [...digests].filter(([name]) => name !== FORMAT_ENTRY && name !== MANIFEST_ENTRY)
  const told = read.data.entries
  for (const [name, digest] of kept) if (told[name] !== digest) throw refusal(`${name} was changed`)
  if (kept.length !== Object.keys(told).length) throw refusal('entries are missing')
  if (!digests.has(KEY_ENTRY)) throw refusal('the secret key is missing')
  return { manifest: read.data, entries: kept.map(([name]) => name) }
}

async function keep(folder: string, name: string, bytes: Buffer, before: ReadonlyMap<string, string>) {
  if (!isKnown(name) || before.has(name))
    throw refusal(`an entry ${JSON.stringify(name)} belongs in no backup`)
  const file = unpackedFile(folder, name)
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(file, bytes, { mode: 0o600 })
}

/** Nothing else is written, so no name leads out of the folder. */
function isKnown(name: string): boolean {
  const [, table] = /^tables\/([a-z_]+)\/[0-9]{6,9}\.ndjson$/.exec(name) ?? []
  return (
    name === KEY_ENTRY ||
    certificateFileOf(name) !== undefined ||
    TABLES.some((known) => known.name === table)
  )
}

function unpackedFile(folder: string, entry: string): string {
  return path.join(folder, 'entries', entry)
}

async function bytesOf({ header, body }: ParsedTarEntry): Promise<Buffer> {
  if (header.type !== undefined && header.type !== 'file') throw refusal(`${header.name} is no file`)
  if (header.size > ENTRY_BYTES) throw refusal(`${header.name} is too large`)
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  if (bytes.length !== header.size) throw refusal('it was cut short')
  return bytes
}

async function startOf(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(START_BYTES) })
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** A full disk is no fault of the file. */
function isOfTheSystem(error: unknown): boolean {
  return /^E(?:NOSPC|DQUOT|ACCES|IO|ROFS|MFILE|PERM)$/.test(errorCode(error) ?? '')
}
