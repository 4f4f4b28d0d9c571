import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../system/clock.js'
import type { RequestBody } from './body.js'

/** A rest of a body so small is read and dropped, and the connection kept. */
const DROPPED_BYTES = 64 * 1024
/** How long a client may go on sending a body that nobody wants before the connection is cut under it. */
const LINGER_MS = 5000

/**
 * What happens to the connection when an answer overtakes the body of its request. `linger`: closing at once would
 * reset it, and the client, still writing, would never see the answer; so what it sends is thrown away for a while.
 */
export type Ending = 'keep' | 'close' | 'linger'

export function endingOf(
  body: RequestBody,
  request: IncomingMessage,
  { isDraining, isBehindNginx }: { readonly isDraining: boolean; readonly isBehindNginx: boolean },
): Ending {
  if (body.isOver) return isDraining ? 'close' : 'keep'
  // nginx loses an answer whose connection closes while it writes, and stops writing, and closes, when it has read one.
  if (isBehindNginx) return 'keep'
  if (request.headers.expect !== undefined && !body.isStarted) return 'close'
  const declared = body.declaredBytes
  if (declared === undefined || declared - body.receivedBytes > DROPPED_BYTES) return 'linger'
  return isDraining ? 'close' : 'keep'
}

/** Sends the last bytes of an answer, and closes when the client has stopped sending or the time is over. */
export function endLate(
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  bytes: Buffer | undefined,
  clock: Clock,
): void {
  if (bytes) response.write(bytes)
  else response.flushHeaders()
  const close = (): void => {
    stopTimer()
    request.off('end', close).off('close', close)
    response.end()
  }
  const stopTimer = clock.after(LINGER_MS, close)
  request.on('end', close).on('close', close)
}
