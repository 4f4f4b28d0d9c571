import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** A name server on a free UDP port of 127.0.0.1 that knows the IPv4 addresses which a test tells it. */
export class NameServer {
  /** What it was asked for. */
  readonly asked: string[] = []
  readonly #socket: Socket
  readonly #addresses = new Map<string, string[]>()

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (query, { port, address }) => socket.send(this.#answer(query), port, address))
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new NameServer(socket)
  }

  /** As in `127.0.0.1:40123`. */
  get address(): string {
    const { address, port } = this.#socket.address()
    return `${address}:${port}`
  }

  /** Each question gets the next of the addresses, the last one for ever. */
  tell(name: string, ...addresses: readonly string[]): void {
    this.#addresses.set(name, [...addresses])
  }

  async close(): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #answer(query: Buffer): Buffer {
    const labels: string[] = []
    let at = 12
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const question = query.subarray(12, at + 5)
    const name = labels.join('.').toLowerCase()
    this.asked.push(name)
    const isForIpv4 = query.readUInt16BE(at + 1) === 1
    const known = this.#addresses.get(name)
    const address = isForIpv4 && known && (known.length > 1 ? known.shift() : known[0])
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(known ? 0x8180 : 0x8183, 2) // an answer, or NXDOMAIN
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(address ? 1 : 0, 6)
    if (!address) return Buffer.concat([header, question])
    // The name by reference, type A, class IN, a TTL of 0 s, and four bytes.
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)])
    return Buffer.concat([header, question, record])
  }
}
