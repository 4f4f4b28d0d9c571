import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

import { systemClock } from '#core/system/clock.js'
import type { Fault } from './faults.js'
import type { Reply } from './reply.js'

/** How fast, and how far. */
export interface Pace {
  readonly bytesPerSecond: number
  /** Where the body ends before its end, and how. */
  readonly stop: { readonly after: number; readonly how: 'cut' | 'end' | 'stall' } | undefined
  readonly isEndless: boolean
}

export function paceOf(faults: readonly Fault[], bytesPerSecond: number): Pace {
  let pace: Pace = { bytesPerSecond, stop: undefined, isEndless: faults.includes('endless') }
  for (const fault of faults) {
    if (typeof fault === 'string') continue
    if ('bytesPerSecond' in fault) pace = { ...pace, bytesPerSecond: fault.bytesPerSecond }
    if ('cutAfter' in fault) pace = { ...pace, stop: { after: fault.cutAfter, how: 'cut' } }
    if ('endAfter' in fault) pace = { ...pace, stop: { after: fault.endAfter, how: 'end' } }
    if ('stallAfter' in fault) pace = { ...pace, stop: { after: fault.stallAfter, how: 'stall' } }
  }
  return pace
}

/** Sends an answer as fast and as far as it is meant to come; `count` hears of each byte of a body that left. */
export async function deliver(
  response: ServerResponse,
  { status, headers, body }: Reply,
  { pace, count }: { readonly pace: Pace; readonly count: (bytes: number) => void },
): Promise<void> {
  response.writeHead(status, headers)
  if (response.req.method === 'HEAD') return void response.end()
  response.flushHeaders()
  const left = new AbortController()
  response.once('close', () => left.abort())
  try {
    const { stop } = pace
    const pieces = pace.isEndless ? repeated(body) : [body.subarray(0, stop?.after)]
    for (const bytes of pieces) await send(response, bytes, { pace, count, signal: left.signal })
    if (stop === undefined) return void response.end()
    if (stop.how === 'stall') return
    // What was written must be out before the connection goes.
    await new Promise((resolve) => response.write('', resolve))
    if (stop.how === 'end') response.socket?.end()
    else response.socket?.resetAndDestroy()
  } catch (error) {
    if (!left.signal.aborted) throw error // whoever asked has left
  }
}

const PIECE_BYTES = 65_536

async function send(
  response: ServerResponse,
  bytes: Buffer,
  {
    pace: { bytesPerSecond },
    count,
    signal,
  }: { readonly pace: Pace; readonly count: (bytes: number) => void; readonly signal: AbortSignal },
): Promise<void> {
  const pieceBytes = Math.max(1, Math.min(PIECE_BYTES, Math.ceil(bytesPerSecond / 20)))
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    signal.throwIfAborted()
    const piece = bytes.subarray(from, from + pieceBytes)
    if (Number.isFinite(bytesPerSecond))
      await systemClock.sleep((piece.length / bytesPerSecond) * 1000, signal)
    count(piece.length)
    if (!response.write(piece)) await once(response, 'drain', { signal })
  }
}

function* repeated(body: Buffer): Generator<Buffer> {
  const filling = body.length > 0 ? body : Buffer.alloc(PIECE_BYTES)
  for (;;) yield filling
}
