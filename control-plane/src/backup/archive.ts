import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'

import { createTarPacker } from 'modern-tar'
import { z } from 'zod'

import { productVersion } from '../system/product-version.js'

/** Another one is refused: how the parts of a backup are called, and what stands in them. */
export const FORMAT = 1
/** The first entry of a backup: by it a foreign file is known before anything else is read. */
export const FORMAT_ENTRY = 'entrepot-backup.json'
/** The last entry: whoever has it, with every digest in it right, has all. */
export const MANIFEST_ENTRY = 'manifest.json'
/** The key that encrypts secrets at rest, base64: without it the sealed columns of the tables cannot be read. */
export const KEY_ENTRY = 'secret.key'

/** What stands in the first entry, as far as every version can read it. */
export const formatEntry = z.object({ format: z.int() })

/** What stands in the last entry: by it a backup that was cut short or changed is known. */
export const manifest = z.strictObject({
  format: z.literal(FORMAT),
  /** The version of the product that made it. */
  product: z.string(),
  at: z.iso.datetime(),
  /** The name of each entry → SHA-256 in hex. */
  entries: z.record(z.string(), z.string()),
})

export type Manifest = z.output<typeof manifest>

/** One file of a backup, as a whole: tables come in parts of a mebibyte. */
export interface Entry {
  readonly name: string
  readonly bytes: Buffer
}

/** A tar with the manifest at its end, made while it is read. Fails as the entries do. */
export function archiveOf(entries: AsyncIterable<Entry>, at: Date): Readable {
  const { readable, controller } = createTarPacker()
  const add = async ({ name, bytes }: Entry): Promise<void> => {
    const writer = controller.add({ name, size: bytes.length, mode: 0o600, mtime: at }).getWriter()
    await writer.write(bytes)
    await writer.close()
  }
  const addAll = async (): Promise<void> => {
    const digests: Record<string, string> = {}
    await add(jsonEntry(FORMAT_ENTRY, { format: FORMAT }))
    for await (const entry of entries) {
      digests[entry.name] = digestOf(entry.bytes)
      await add(entry)
    }
    const head = { format: FORMAT, product: productVersion(), at: at.toISOString() } as const
    await add(jsonEntry(MANIFEST_ENTRY, { ...head, entries: digests } satisfies Manifest))
    controller.finalize()
  }
  addAll().catch((error: unknown) => controller.error(error))
  return Readable.fromWeb(readable)
}

/** How the manifest knows an entry. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function jsonEntry(name: string, value: object): Entry {
  return { name, bytes: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) }
}
