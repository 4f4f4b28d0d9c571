import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../system/error-code.js'
import type { Entry } from './archive.js'

const FOLDER = 'certificates/'
/** The authority, and the files of folders below (`server/`, `requests/`); nothing half written. */
const FILE = /^(?:ca\.(?:pem|key)|[a-z]+\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}\.(?:pem|key|csr|json))$/

/** Every file of the folder of certificates, keys too. */
export async function readCertificateFiles(folder: string): Promise<readonly Entry[]> {
  const found = await readdir(folder, { recursive: true })
  const entries: Entry[] = []
  for (const file of found.filter((name) => FILE.test(name)).sort()) {
    const bytes = await findBytes(path.join(folder, file))
    if (bytes !== undefined) entries.push({ name: `${FOLDER}${file}`, bytes })
  }
  return entries
}

/** Where an entry of a backup lies in that folder; undefined for one that is no file of it. */
export function certificateFileOf(entry: string): string | undefined {
  const file = entry.startsWith(FOLDER) ? entry.slice(FOLDER.length) : ''
  return FILE.test(file) ? file : undefined
}

/** A request may be dropped meanwhile. */
async function findBytes(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
