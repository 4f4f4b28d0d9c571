import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'

import { type ApplyPlaces, findGeneration, generationFolder } from './apply-places.js'

/** Which generations stay besides the one in force and the one before it. */
export interface KeptGenerations {
  /** The newest so many: workers that drain still read error bodies of theirs. */
  readonly newest?: number
  readonly named?: readonly string[]
  /** The one that was in force until now: what began under it may still ask for its passwords. */
  readonly previous?: string | undefined
}

const NEWEST = 30
const PASSWORDS = /\.(?:proxy-)?password$/

/** Removes what nobody goes back to any more; and passwords of what nginx alone still reads, which reads no password. */
export async function removeOldGenerations(
  places: ApplyPlaces,
  { newest = NEWEST, named = [], previous }: KeptGenerations = {},
): Promise<void> {
  const ids = await generationIds(places)
  const inForce = [await findGeneration(places, 'current'), await findGeneration(places, 'applied')]
  const kept = new Set([...named, ...ids.slice(0, newest), ...inForce])
  const withPasswords = new Set([previous, ...inForce])
  for (const id of ids) {
    const folder = generationFolder(places, id)
    if (!kept.has(id)) await rm(folder, { recursive: true, force: true })
    else if (!withPasswords.has(id)) await removePasswords(folder)
  }
}

async function removePasswords(folder: string): Promise<void> {
  for (const file of await readdir(folder, { recursive: true })) {
    if (PASSWORDS.test(file)) await rm(path.join(folder, file), { force: true })
  }
}

/** Removes what a process left that ended while it wrote. */
export async function removeUnfinished({ config }: ApplyPlaces): Promise<void> {
  const folder = path.join(config, 'generations')
  for (const name of await namesIn(folder)) {
    if (name.startsWith('.')) await rm(path.join(folder, name), { recursive: true, force: true })
  }
}

/** The newest first. */
async function generationIds(places: ApplyPlaces): Promise<readonly string[]> {
  const names = await namesIn(path.join(places.config, 'generations'))
  const dated = await Promise.all(
    names
      .filter((name) => !name.startsWith('.'))
      .map(async (id) => ({ id, at: (await stat(generationFolder(places, id))).mtimeMs })),
  )
  return dated.toSorted((one, other) => other.at - one.at).map(({ id }) => id)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
