import type { Chance } from './seeded-chance.js'

/** What a file holds, for those who read it now and for a power cut. Never changed: each write makes another one. */
export interface FileContent {
  /** The page cache: what reads show. */
  readonly live: Buffer
  /** What the kernel would still write back: `live`, but without the pages that a failed fsync has dropped. */
  readonly writeback: Buffer
  /** What writes since the last fsync made it on the way: any of it may have been written back. */
  readonly between: readonly Buffer[]
  /** What is certainly on the disk. */
  readonly disk: Buffer
}

const NOTHING = Buffer.alloc(0)
/** More versions of larger files than this are not kept: tests with large bodies do not need each of them. */
const REMEMBERED_BYTES = 64 * 1024

/** A file that has just been made. */
export const EMPTY: FileContent = { live: NOTHING, writeback: NOTHING, between: [], disk: NOTHING }

/** The content after a write. */
export function written(content: FileContent, bytes: Uint8Array, position: number): FileContent {
  return changed(content, (buffer) => overwritten(buffer, bytes, position))
}

/** The content after a truncation (or an extension with zeros). */
export function truncated(content: FileContent, sizeBytes: number): FileContent {
  return changed(content, (buffer) => resized(buffer, sizeBytes))
}

function changed(content: FileContent, change: (buffer: Buffer) => Buffer): FileContent {
  const { live, writeback, between, disk } = content
  const next = change(live)
  const isRemembered = writeback !== disk && writeback.length <= REMEMBERED_BYTES
  return {
    live: next,
    writeback: live === writeback ? next : change(writeback),
    between: isRemembered ? [...between, writeback].slice(-8) : between,
    disk,
  }
}

/** The content after an fsync that succeeded. Pages that an earlier one dropped stay lost (Linux answers success). */
export function synced({ live, writeback }: FileContent): FileContent {
  return { live, writeback, between: [], disk: writeback }
}

/** The content after an fsync that failed: what was dirty is dropped, and reads go on showing it. */
export function syncFailed({ live, disk, between }: FileContent): FileContent {
  return { live, writeback: resized(disk, live.length), between, disk }
}

/** One of the contents that a power cut may leave. */
export function afterPowerCut(content: FileContent, chance: Chance): Buffer {
  const { writeback, between, disk } = content
  if (writeback === disk && between.length === 0) return disk
  const versions = [disk, ...between, writeback]
  const fate = chance.below(10)
  if (fate < 3) return disk
  if (fate < 6) return writeback
  // The size came through and the bytes did not: what file systems with delayed allocation leave.
  if (fate === 6) return resized(disk, writeback.length)
  return torn(versions, disk.length, chance)
}

function torn(versions: readonly Buffer[], diskBytes: number, chance: Chance): Buffer {
  const blockBytes = chance.pick([512, 4096])
  const lengths = versions.map(({ length }) => length)
  const least = Math.min(...lengths)
  const anyLength = least + chance.below(Math.max(...lengths) - least + 1)
  const result = Buffer.alloc(chance.happens(0.5) ? anyLength : chance.pick(lengths))
  for (let at = 0; at < result.length; at += blockBytes) {
    const isZeroed = at >= diskBytes && chance.happens(0.3)
    if (!isZeroed)
      chance
        .pick(versions)
        .subarray(at, at + blockBytes)
        .copy(result, at)
  }
  return result
}

function overwritten(buffer: Buffer, bytes: Uint8Array, position: number): Buffer {
  const result = resized(buffer, Math.max(buffer.length, position + bytes.length), true)
  result.set(bytes, position)
  return result
}

function resized(buffer: Buffer, sizeBytes: number, mustCopy = false): Buffer {
  if (sizeBytes <= buffer.length && !mustCopy) return buffer.subarray(0, sizeBytes)
  const result = Buffer.alloc(sizeBytes)
  buffer.copy(result)
  return result
}
