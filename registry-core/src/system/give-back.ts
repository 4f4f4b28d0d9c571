/** Smaller pieces are little to free. */
const WORTH_BYTES = 16 * 1024

/**
 * Frees the memory of pieces that nobody needs any more, at once: each is an ArrayBuffer of its own, which only a full
 * collection would free (measured: a quarter of the core's CPU in large uploads). Slices of a shared buffer are left alone.
 */
export function giveBack(pieces: readonly Buffer[]): void {
  for (const { buffer, byteOffset, byteLength } of pieces)
    if (byteLength >= WORTH_BYTES && byteOffset === 0 && byteLength === buffer.byteLength)
      if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
