import { type Digest, findDigest } from '../../../oci/digest.js'
import type { RepositoryName } from '../../../oci/repository.js'
import type { Clock } from '../../../system/clock.js'
import type { Fs } from '../../fs.js'
import type { Keys } from '../../keys.js'
import type { Listings } from '../listing.js'
import { listRepositories } from '../catalog.js'
import { LOOKS_OF_LISTING, Pace } from './pace.js'

const PAGE = 10

interface Parts {
  readonly fs: Fs
  readonly keys: Keys
  readonly listings: Listings
  readonly clock: Clock
  /** Asked only before something is called foreign: whether a removal of ours explains it, and was mended. */
  readonly heal: (repository: RepositoryName, digest: Digest) => Promise<boolean>
}

/**
 * Looks for traces of a live registry:2 on the volume (gc-protocol §7, step 0): what is newer than the marker and
 * does not carry our files. Answers the first one as a sentence, undefined when there is none. It takes its time over a
 * large store; no folder's mtime may spare it a look, since a registry:2 that pushes once more what is there writes
 * into the file.
 */
export async function findForeignWriter(
  parts: Parts,
  markedAtMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { fs, keys } = parts
  const state = fs.statNow(`${keys.root}/scheduler-state.json`)
  if (state !== undefined && state.mtimeMs > markedAtMs) return 'scheduler-state.json is newer than the store'
  const pace = new Pace(parts.clock, signal)
  let last: string | undefined
  for (;;) {
    const page = await listRepositories(parts, last, PAGE)
    await pace.after(page.length * LOOKS_OF_LISTING)
    for (const repository of page) {
      const trace = await findTrace(parts, repository, markedAtMs, pace)
      if (trace !== undefined) return trace
    }
    last = page.at(-1)
    if (last === undefined) return undefined
  }
}

async function findTrace(
  { fs, keys, heal }: Parts,
  repository: RepositoryName,
  markedAtMs: number,
  pace: Pace,
): Promise<string | undefined> {
  const list = async (folder: string): Promise<readonly string[]> => {
    const entries = await fs.list(folder)
    await pace.after(LOOKS_OF_LISTING)
    return (entries ?? []).map(({ name }) => name)
  }
  const uploads = `${keys.repository(repository)}/_uploads`
  for (const name of await list(uploads)) {
    await pace.after(1)
    const hashing = fs.statNow(`${uploads}/${name}/hashstates`)
    if (hashing !== undefined && hashing.mtimeMs > markedAtMs)
      return `an upload of registry:2 is open in ${repository}`
  }
  const revisions = keys.revisions(repository)
  for (const algorithm of await list(revisions))
    for (const hex of await list(`${revisions}/${algorithm}`)) {
      await pace.after(1)
      const digest = findDigest(`${algorithm}:${hex}`)
      if (digest === undefined) continue
      const folder = keys.linkFolder('revision', repository, digest)
      if (isForeign(fs, folder, markedAtMs) && !(await heal(repository, digest)))
        return `the manifest ${digest} in ${repository} was not pushed through this program`
    }
  return undefined
}

/** A link newer than the marker, without a file of ours that says where it came from. */
function isForeign(fs: Fs, folder: string, markedAtMs: number): boolean {
  const link = fs.statNow(`${folder}/link`)
  if (link === undefined || link.mtimeMs <= markedAtMs) return false
  const origins = ['pushed', 'upstream'].map((file) => fs.statNow(`${folder}/${file}`)?.mtimeMs ?? -1)
  return Math.max(...origins) < link.mtimeMs
}
