// A box that has run for a day has no free memory: its page cache holds what was read and written. On a virtual machine
// whose host takes freed pages back, the first write into a fresh page costs many times the copy, whoever writes: with
// empty memory a push measures the host. So memory is filled first, with clean pages of one sparse file.
import fs from 'node:fs'
import path from 'node:path'

const PIECE_BYTES = 1024 * 1024
/** Left free, for what starts and grows meanwhile. */
const SPARE_BYTES = 1536 * PIECE_BYTES

/** Reads holes until little memory is free; they cost no disk. The file goes with the work folder. */
export function fillPageCache(work) {
  const freeKiB = Number(/^MemFree:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0)
  const bytes = freeKiB * 1024 - SPARE_BYTES
  if (bytes <= 0) return
  const file = path.join(work, 'page-cache')
  fs.writeFileSync(file, '')
  fs.truncateSync(file, bytes)
  const piece = Buffer.alloc(PIECE_BYTES)
  const descriptor = fs.openSync(file)
  while (fs.readSync(descriptor, piece) > 0);
  fs.closeSync(descriptor)
}
