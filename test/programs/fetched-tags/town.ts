import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { Keys } from '#core/store/keys.js'
import { FakeClock, outcome } from '#core-test/fake-clock.js'
import { SimulatedDisk } from '#core-test/simulated-disk.js'
import { SimulatedFs } from '#core-test/simulated-fs.js'
import { openProcess, STORE_ROOT } from '#core-test/simulated-store.js'

import { checkMarks } from '../simulation/check-tree.js'

const APP = parseRepositoryName('docker.io/library/app')
const TAG = parseTag('latest')
const LINK = new Keys(STORE_ROOT).tagLink(APP, TAG)
export const DIGESTS = Array.from({ length: 6 }, (_, n) => digestOfBytes('sha256', Buffer.from(`${n}`)))
const FROM = { host: 'docker.io', etag: undefined }

export interface Worker {
  readonly fs: SimulatedFs
  readonly store: OpenedStore
}

/** A store that nothing lies in. */
export async function emptyTown(): Promise<SimulatedDisk> {
  const clock = new FakeClock({ tickMs: 1, start: new Date('2026-02-01T00:00:00.000Z') })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  const { store } = await outcome(
    clock,
    openProcess({ fs: new SimulatedFs(disk), clock, seed: 1, boot: 'boot0000' }),
  )
  await outcome(clock, store.close())
  return disk
}

/** What the actors have done so far. */
export interface Ledger {
  /** Pushes that have begun. */
  readonly begun: Set<Digest>
  /** Answered, whatever came after. */
  answered: number
  moves: number
  removals: number
}

/** Nothing has been done. */
export function newLedger(): Ledger {
  return { begun: new Set(), answered: 0, moves: 0, removals: 0 }
}

/** Another process on the disk. */
export async function startWorker(disk: SimulatedDisk, clock: FakeClock, seed: number): Promise<Worker> {
  const fs = new SimulatedFs(disk)
  const { store } = await outcome(clock, openProcess({ fs, clock, seed, boot: 'boot0000' }))
  return { fs, store }
}

/** What all actors share. */
export interface Town {
  readonly ledger: Ledger
  readonly disk: SimulatedDisk
}

export function ignoreCrash(error: unknown): void {
  if (!(Error.isError(error) && 'code' in error && error.code === 'CRASH')) throw error
}

export async function move({ store }: Worker, digest: Digest, ledger: Ledger): Promise<void> {
  await store.origins.publishRevision(APP, digest, FROM)
  if (await store.origins.publishTag(APP, TAG, digest, FROM)) ledger.moves += 1
}

export async function push({ store }: Worker, digest: Digest, ledger: Ledger): Promise<void> {
  ledger.begun.add(digest)
  await store.links.publishRevision(APP, digest)
  await store.links.publishTag(APP, TAG, digest)
  ledger.answered += 1
}

/** An upstream has said that the tag still stands for this. */
export async function recheck({ store }: Worker, digest: Digest): Promise<void> {
  await store.origins.noteChecked(APP, TAG, digest)
}

/** Takes what a mirror has put there, as an eviction does. */
export async function remove({ ledger, disk }: Town, { store }: Worker): Promise<void> {
  const found = await store.origins.findTag(APP, TAG)
  const linkedAtMs = disk.stat(LINK)?.mtimeMs
  if (found === undefined || linkedAtMs === undefined || ledger.begun.has(found.digest)) return
  ledger.removals += 1
  await store.links.takeTag(APP, TAG, { digest: found.digest, linkedAtMs })
}

/** Once a push was answered the tag stands for what clients pushed; a remover may have it in hand for a moment. */
export function checkLink(disk: SimulatedDisk, { begun }: Ledger): readonly string[] {
  const stat = disk.stat(LINK)
  const held = stat && Buffer.from(disk.bytesOf(stat.inode)).toString()
  return held === undefined || [...begun].some((digest) => digest === held)
    ? []
    : [`after the answer to a push the tag is ${held}`]
}

export async function checkDisk(
  disk: SimulatedDisk,
  ledger: Ledger,
  { now }: { readonly now: Date },
): Promise<readonly string[]> {
  return [...checkMarks(disk), ...(await checkTag(disk, ledger, now))]
}

async function checkTag(disk: SimulatedDisk, ledger: Ledger, now: Date): Promise<readonly string[]> {
  const clock = new FakeClock({ tickMs: 1, start: now })
  const fs = new SimulatedFs(disk.withTime(() => clock.now()))
  const { store } = await outcome(clock, openProcess({ fs, clock, seed: 7, boot: 'boot0001' }))
  const digest = await outcome(clock, store.links.findTag(APP, TAG))
  const mirrored = await outcome(clock, store.origins.findTag(APP, TAG))
  if (ledger.answered > 0) {
    const wrong = digest === undefined ? ['the tag is gone'] : checkLink(fs.disk, ledger)
    return mirrored === undefined ? wrong : [...wrong, 'what was pushed is taken for a mirror\u2019s']
  }
  if (ledger.begun.size > 0) return []
  if (digest !== mirrored?.digest) return [`the tag is ${digest}, the mirror\u2019s ${mirrored?.digest}`]
  const isMissing = digest === undefined && ledger.moves > 0 && ledger.removals === 0
  return isMissing ? ['the tag is gone'] : []
}
