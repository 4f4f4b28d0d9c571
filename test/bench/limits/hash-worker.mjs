// Worker thread of upload-limit.mjs: hashes a file, also one that still grows.
// Message in: { id, file, shared? }; `shared` holds two BigInt64: bytes that are safe to read, and 1 when no more will come.
// Message out: { id, digest, size }.
import crypto from 'node:crypto'
import fs from 'node:fs'
import { parentPort } from 'node:worker_threads'

const buffer = Buffer.allocUnsafe(1 << 20)

/** How much may be read at `pos`: bytes and whether the file is complete. */
function readable(progress, pos) {
  if (!progress) return { bytes: Infinity, complete: true }
  const complete = Atomics.load(progress, 1) === 1n // before the count: bytes first, then the flag
  return { bytes: Number(Atomics.load(progress, 0)) - pos, complete }
}

parentPort.on('message', ({ id, file, shared }) => {
  const progress = shared ? new BigInt64Array(shared) : null
  const hash = crypto.createHash('sha256')
  const fd = fs.openSync(file, 'r')
  let pos = 0
  for (;;) {
    const { bytes, complete } = readable(progress, pos)
    const n = bytes > 0 ? fs.readSync(fd, buffer, 0, Math.min(buffer.length, bytes), pos) : 0
    if (n > 0) {
      hash.update(buffer.subarray(0, n))
      pos += n
    } else if (complete) break
    else Atomics.wait(progress, 0, BigInt(pos), 200)
  }
  fs.closeSync(fd)
  parentPort.postMessage({ id, digest: hash.digest('hex'), size: pos })
})
