import { RegistryError } from '../../../oci/failure.js'

/** Smaller pieces are little to free. */
const WORTH_BYTES = 16 * 1024

/**
 * Frees the memory of pieces that are written, at once: each is an ArrayBuffer of its own, which only a full collection
 * would free (measured: a quarter of the core's CPU in large uploads). Slices of a shared buffer are left alone.
 */
export function giveBack(pieces: readonly Buffer[]): void {
  for (const { buffer, byteOffset, byteLength } of pieces)
    if (byteLength >= WORTH_BYTES && byteOffset === 0 && byteLength === buffer.byteLength)
      if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** The body until it ends or the signal fires: a request that waits for its client must not outlive its claim. */
export async function* untilTakenOver(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
  upload: string,
): AsyncIterable<Buffer> {
  const chunks = body[Symbol.asyncIterator]()
  let giveUp: (reason: unknown) => void = () => undefined
  const abort = (): void => giveUp(new RegistryError('upload-taken-over', { upload }))
  signal.addEventListener('abort', abort, { once: true })
  try {
    while (!signal.aborted) {
      // A promise for each chunk: racing a long-lived one would keep every chunk's reaction until the end.
      const next = await new Promise<IteratorResult<Buffer>>((resolve, reject) => {
        giveUp = reject
        chunks.next().then(resolve, reject)
      })
      if (next.done === true) return
      yield next.value
    }
    throw new RegistryError('upload-taken-over', { upload })
  } finally {
    signal.removeEventListener('abort', abort)
    void chunks.return?.()
  }
}
