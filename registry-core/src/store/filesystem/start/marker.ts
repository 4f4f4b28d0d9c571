import { dirname } from 'node:path'
import type { Clock } from '../../../system/clock.js'
import type { Random } from '../../../system/random.js'
import { type Keys, SHARDS } from '../../keys.js'
import type { Durable } from '../durable.js'
import { linkOrCreate } from '../link-or-create.js'

/** The format this program writes and understands. */
const FORMAT = 1
const MARKER_LIMIT_BYTES = 4096

/** `entrepot/store.json`: which store this is, and since when we write it. */
export interface Marker {
  readonly id: string
  readonly format: number
  readonly createdAt: string
}

/** Reads the marker; an unmarked folder, empty or Distribution's, gets one. `isNew` says which. */
export async function openMarker({
  keys,
  durable,
  clock,
  random,
}: {
  keys: Keys
  durable: Durable
  clock: Clock
  random: Random
}): Promise<{ marker: Marker; isNew: boolean }> {
  const { fs } = durable
  const path = `${keys.own}/store.json`
  await makeOwnFolders(keys, durable)
  const present = fs.readNow(path, MARKER_LIMIT_BYTES)
  if (present !== undefined) return { marker: parseMarker(present, path), isNew: false }
  const marker: Marker = {
    id: random.uuid(),
    format: FORMAT,
    createdAt: clock.now().toISOString(),
  }
  // By link, which never replaces: two processes that start at once agree on one id.
  const source = Buffer.from(`${JSON.stringify(marker)}\n`)
  const temporary = await durable.writeTemporary(source)
  let outcome: 'linked' | 'exists'
  try {
    outcome = await linkOrCreate(fs, temporary, path, source)
  } finally {
    await durable.dropQuietly(temporary)
  }
  await durable.syncFolder(dirname(path))
  const bytes = fs.readNow(path, MARKER_LIMIT_BYTES)
  if (bytes === undefined) throw new Error(`${path} vanished while the store was opened`)
  return { marker: parseMarker(bytes, path), isNew: outcome === 'linked' }
}

/** All of them at the start, so that nothing has to make one on a full disk. */
async function makeOwnFolders(keys: Keys, durable: Durable): Promise<void> {
  const { fs } = durable
  await durable.makeFolder(keys.own)
  const single = ['tmp', 'uploads', 'partial', 'journal', 'runs', 'takes', 'trash', 'quarantine']
  const below = ['trash/sha256', 'trash/sha512', 'trash/links', 'quarantine/sha256', 'quarantine/sha512']
  for (const name of [...single, ...below]) await durable.makeFolder(`${keys.own}/${name}`)
  for (const parent of ['takes', 'trash/sha256', 'trash/sha512', 'trash/links']) {
    const folder = `${keys.own}/${parent}`
    if (((await fs.list(folder)) ?? []).length >= SHARDS.length) continue
    for (const shard of SHARDS) await fs.makeDirectory(`${folder}/${shard}`)
    await durable.syncFolder(folder)
  }
}

function parseMarker(bytes: Buffer, path: string): Marker {
  const damaged = `${path} is damaged: restore it, or move it away to have the store marked anew`
  let json: Partial<Marker> | null
  try {
    json = JSON.parse(bytes.toString()) as Partial<Marker> | null
  } catch (cause) {
    throw new Error(damaged, { cause })
  }
  if (typeof json?.id !== 'string' || typeof json.createdAt !== 'string') throw new Error(damaged)
  if (json.format !== FORMAT)
    throw new Error(`${path} says format ${json.format}; this program writes ${FORMAT}: use a newer one`)
  return {
    id: json.id,
    format: FORMAT,
    createdAt: json.createdAt,
  }
}
