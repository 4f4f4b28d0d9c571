import { RegistryError } from '../../../oci/failure.js'

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
