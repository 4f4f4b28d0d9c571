import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** What a name server says of any name: its IPv4 address, or nothing, or that it will not. */
export type NameAnswer = '127.0.0.1' | '169.254.169.254' | 'silent' | 'refused' | 'unknown'

/** A name server of DNS over UDP, for A and AAAA only. */
export interface NameServer {
  /** As `dns:` takes it. */
  readonly address: string
  readonly asked: readonly string[]
  close(): Promise<void>
}

export async function openNameServer(answer: () => NameAnswer): Promise<NameServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (question, from) => {
    const { name, end } = nameIn(question)
    asked.push(name)
    const reply = replyTo(question, end, answer())
    if (reply !== undefined) socket.send(reply, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((resolve) => socket.close(resolve)),
  }
}

/** RFC 1035 §4.1.2: labels from byte 12 on. */
function nameIn(question: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = question.readUInt8(at); length > 0; length = question.readUInt8(at)) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

const [REFUSED, UNKNOWN] = [5, 3]

function replyTo(question: Buffer, end: number, answer: NameAnswer): Buffer | undefined {
  if (answer === 'silent') return undefined
  const isFour = question.readUInt16BE(end) === 1
  const code = answer === 'refused' ? REFUSED : answer === 'unknown' ? UNKNOWN : 0
  const hasRecord = code === 0 && isFour
  const head = Buffer.from(question.subarray(0, end + 4))
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(hasRecord ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  if (!hasRecord) return head
  const address = answer.split('.').map(Number)
  // A pointer to the name, A, IN, no time to live, 4 bytes.
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address])])
}
