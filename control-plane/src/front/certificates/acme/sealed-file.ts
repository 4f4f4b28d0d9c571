import { readdir, rename } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../../system/error-code.js'
import type { Random } from '../../../system/random.js'
import type { Sealing } from '../../../system/sealed.js'
import { createDurably, replaceDurably } from '../create-durably.js'
import { findKeyText } from '../server-certificate.js'

/** A file of ACME's that only the control plane reads, sealed by the key of the box: the account's key, an order. */
export interface SealedFile {
  readonly file: string
  readonly sealing: Sealing
  readonly random: Random
}

/** As boxes wrote them before they were sealed: PEM or JSON, and base64 is neither. */
const PLAIN = /^(?:-----BEGIN |\{)/

/** As `createDurably`, for its owner only. */
export async function createSealed({ file, sealing, random }: SealedFile, text: string): Promise<boolean> {
  return createDurably({ file, text: sealedText(file, sealing, text), mode: 0o600, random })
}

/**
 * Undefined when there is none. One that is plain is sealed by it; one that another key has sealed is of no use to this box, and
 * gives its name away.
 */
export async function findSealed(sealed: SealedFile): Promise<string | undefined> {
  const { file, sealing, random } = sealed
  const found = await findKeyText(file)
  if (found === undefined) return undefined
  if (PLAIN.test(found)) {
    await replaceDurably({ file, text: sealedText(file, sealing, found), mode: 0o600, random })
    return found
  }
  try {
    return openedText(file, sealing, found)
  } catch {
    await rename(file, `${file}.unreadable`)
    return undefined
  }
}

/** At each start: nobody may have asked for a file since it was written plain. */
export async function sealPlainFiles(folder: string, options: Omit<SealedFile, 'file'>): Promise<void> {
  const below = acmeFolder(folder)
  for (const name of await namesOf(below))
    if (/\.(?:key|json)$/.test(name)) await findSealed({ ...options, file: path.join(below, name) })
}

/** Where they lie, in the folder of certificates. */
export function acmeFolder(folder: string): string {
  return path.join(folder, 'acme')
}

/** One of another box, as this one has it. @throws for what `theirs` did not seal */
export function resealed(
  name: string,
  text: string,
  { theirs, ours }: { readonly theirs: Sealing; readonly ours: Sealing },
): string {
  return sealedText(name, ours, PLAIN.test(text) ? text : openedText(name, theirs, text))
}

function sealedText(file: string, sealing: Sealing, text: string): string {
  return `${sealing.seal(text, ownerOf(file))}\n`
}

function openedText(file: string, sealing: Sealing, text: string): string {
  return sealing.open(text.trimEnd(), ownerOf(file))
}

function ownerOf(file: string): string {
  return `acme ${path.basename(file)}`
}

async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
