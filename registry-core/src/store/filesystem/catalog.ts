import { findRepositoryName, type RepositoryName } from '../../oci/repository.js'
import type { Fs } from '../fs.js'
import type { Keys } from '../keys.js'
import { firstAfter, type Listings } from './listing.js'

/**
 * Repositories after `last`, at most `limit`, in Distribution's order: a name before those below it, siblings by
 * byte. The walk begins at `last`, not at the start, and stops when the page is full.
 */
export async function listRepositories(
  { fs, keys, listings }: { fs: Fs; keys: Keys; listings: Listings },
  last: string | undefined,
  limit: number,
): Promise<readonly RepositoryName[]> {
  const found: RepositoryName[] = []

  /** @param after the parts of `last` below this folder, while the walk still follows it */
  async function walk(folder: string, prefix: string, after: readonly string[]): Promise<void> {
    const names = (await listings.folders(folder)) ?? []
    const [first, ...rest] = after
    const from = firstAfter(names, first)
    if (first !== undefined && names[from - 1] === first)
      await walk(`${folder}/${first}`, `${prefix}${first}/`, rest)
    for (let index = from; index < names.length && found.length < limit; index += 1) {
      const name = names[index]
      if (name === undefined || name.startsWith('_')) continue
      const repository = findRepositoryName(`${prefix}${name}`)
      if (repository !== undefined && fs.statNow(`${keys.repository(repository)}/_layers`) !== undefined)
        found.push(repository)
      if (found.length < limit) await walk(`${folder}/${name}`, `${prefix}${name}/`, [])
    }
  }

  await walk(keys.repositories, '', last === undefined ? [] : last.split('/'))
  return found
}
