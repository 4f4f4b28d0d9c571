import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'
import type { ApplyPlaces } from './apply-places.js'

/** The files of certificates that a generation on this machine names: nginx may run it, or be sent back to it. */
export async function namedCertificates({
  config,
}: Pick<ApplyPlaces, 'config'>): Promise<ReadonlySet<string>> {
  const folder = path.join(config, 'generations')
  const named = new Set<string>()
  for (const id of await findNames(folder)) {
    const text = await findText(path.join(folder, id, 'nginx.conf'))
    for (const [, file = ''] of text.matchAll(/^\s*ssl_certificate\s+([^\s;]+);/gm)) named.add(file)
  }
  return named
}

async function findNames(folder: string): Promise<readonly string[]> {
  return (await unlessMissing(() => readdir(folder))) ?? []
}

/** Empty for a generation that is just removed. */
async function findText(file: string): Promise<string> {
  return (await unlessMissing(() => readFile(file, 'utf8'))) ?? ''
}

async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
