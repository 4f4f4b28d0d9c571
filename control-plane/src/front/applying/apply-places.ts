import { readlink } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'

/** Where generations lie, and whom a change must reach; all absolute. */
export interface ApplyPlaces {
  /** The folder of generations/ and current. */
  readonly config: string
  /** nginx's own folder. */
  readonly prefix: string
  /** nginx's unix socket that says which generation it runs. */
  readonly generationSocket: string
  /** The core's internal socket. */
  readonly controlSocket: string
}

/** The folder of a generation; its files name it themselves, so it never moves. */
export function generationFolder({ config }: Pick<ApplyPlaces, 'config'>, id: string): string {
  return path.join(config, 'generations', id)
}

/** The generation that `current` (in force) or `applied` (proved) names; `undefined` before the first one. */
export async function findGeneration(
  { config }: Pick<ApplyPlaces, 'config'>,
  link: 'current' | 'applied',
): Promise<string | undefined> {
  try {
    return path.basename(await readlink(path.join(config, link)))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
