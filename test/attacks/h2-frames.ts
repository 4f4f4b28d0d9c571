import { once } from 'node:events'
import tls from 'node:tls'

import type { TlsTarget } from './tls-target.js'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** RFC 9113 §6. */
export const FRAMES = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const END_STREAM = 1
export const END_HEADERS = 4

export type FrameName = keyof typeof FRAMES
export type Header = readonly [name: string, value: string]

export function frame(
  name: FrameName,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(FRAMES[name], 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Literals without an index and without Huffman's code (RFC 7541 §6.2.2): any byte may stand in them. */
export function headerBlock(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** What a server made of a connection. */
export interface H2Ending {
  /** Types of the frames that came, in their order. */
  readonly frames: readonly number[]
  readonly received: Buffer
  readonly closed: boolean
}

/** A bare connection of HTTP/2: frames as they are. */
export async function sendFrames(
  { port, tls: { ca } }: Pick<TlsTarget, 'port' | 'tls'>,
  frames: readonly Uint8Array[],
  until: (frames: readonly number[]) => boolean,
): Promise<H2Ending> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] })
  socket.on('error', () => undefined) // a reset is an answer too: 'close' follows
  await once(socket, 'secureConnect')
  socket.setTimeout(10_000, () => socket.destroy())
  const received: Buffer[] = []
  let closed = false
  const over = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      received.push(piece)
      if (until(frameTypes(Buffer.concat(received)))) resolve()
    })
    socket.on('close', () => {
      closed = true
      resolve()
    })
  })
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame('settings', 0, 0), ...frames]))
  await over
  socket.destroy()
  const bytes = Buffer.concat(received)
  return { frames: frameTypes(bytes), received: bytes, closed }
}

function frameTypes(bytes: Buffer): readonly number[] {
  const types: number[] = []
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    types.push(bytes.readUInt8(at + 3))
  return types
}
