import { setImmediate as nextTurn } from 'node:timers/promises'
import { findDigest } from '../../../oci/digest.js'
import type { RepositoryName } from '../../../oci/repository.js'
import type { Fs } from '../../fs.js'
import type { Keys } from '../../keys.js'
import type { Listings } from '../listing.js'
import { listRepositories } from '../catalog.js'

const PAGE = 100
/** Synchronous looks in a row before others get their turn. */
const LOOKS_A_TURN = 200

/**
 * Looks for traces of a live registry:2 on the volume (gc-protocol §7, step 0): what is newer than the marker and
 * does not carry our files. Answers the first one as a sentence, undefined when there is none.
 */
export async function findForeignWriter(
  parts: { fs: Fs; keys: Keys; listings: Listings },
  markedAtMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { fs, keys } = parts
  const state = fs.statNow(`${keys.root}/scheduler-state.json`)
  if (state !== undefined && state.mtimeMs > markedAtMs) return 'scheduler-state.json is newer than the store'
  let last: string | undefined
  for (;;) {
    const page = await listRepositories(parts, last, PAGE)
    for (const repository of page) {
      signal.throwIfAborted()
      const trace = await findTrace(parts, repository, markedAtMs, signal)
      if (trace !== undefined) return trace
    }
    last = page.at(-1)
    if (last === undefined) return undefined
  }
}

async function findTrace(
  { fs, keys }: { fs: Fs; keys: Keys },
  repository: RepositoryName,
  markedAtMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const uploads = `${keys.repository(repository)}/_uploads`
  for (const [index, { name }] of ((await fs.list(uploads)) ?? []).entries()) {
    await giveTurn(index, signal)
    const hashing = fs.statNow(`${uploads}/${name}/hashstates`)
    if (hashing !== undefined && hashing.mtimeMs > markedAtMs)
      return `an upload of registry:2 is open in ${repository}`
  }
  const revisions = `${keys.repository(repository)}/_manifests/revisions`
  for (const { name: algorithm } of (await fs.list(revisions)) ?? [])
    for (const [index, { name: hex }] of ((await fs.list(`${revisions}/${algorithm}`)) ?? []).entries()) {
      await giveTurn(index, signal)
      const digest = findDigest(`${algorithm}:${hex}`)
      if (digest !== undefined && isForeign(fs, keys.linkFolder('revision', repository, digest), markedAtMs))
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

async function giveTurn(index: number, signal: AbortSignal): Promise<void> {
  if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await nextTurn()
  signal.throwIfAborted()
}
