import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'

import { type ApplyPlaces, findGeneration, generationFolder } from './apply-places.js'

/** Which generations stay besides the one in force and the one before it. */
export interface KeptGenerations {
  /** The newest so many: workers that drain still read error bodies of theirs. */
  readonly newest?: number
  readonly named?: readonly string[]
}

const NEWEST = 30

/** Removes what nobody goes back to any more. */
export async function removeOldGenerations(
  places: ApplyPlaces,
  { newest = NEWEST, named = [] }: KeptGenerations = {},
): Promise<void> {
  const ids = await generationIds(places)
  const kept = new Set([
    ...named,
    ...ids.slice(0, newest),
    await findGeneration(places, 'current'),
    await findGeneration(places, 'applied'),
  ])
  for (const id of ids) {
    if (!kept.has(id)) await rm(generationFolder(places, id), { recursive: true, force: true })
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
