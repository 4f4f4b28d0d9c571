import { once } from 'node:events'
import { createServer, connect, type Server, type Socket } from 'node:net'

/** `up` is what the client sends, `down` what it receives. */
export type Direction = 'up' | 'down'

interface Rule {
  readonly direction: Direction
  readonly afterBytes: number
  /** Cuts the one connection that carries the bytes; otherwise all connections count together, and nothing is cut. */
  readonly cuts: boolean
  readonly carried: Map<Pair, number>
  readonly resolve: () => void
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

const REQUEST_HEAD = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE) [^\r\n]* HTTP\/1\.1\r\n[^]*?\r\n\r\n/

/**
 * A TCP proxy on a free port of 127.0.0.1 that breaks connections when a test says so. Clients keep its address while the
 * registry behind it is killed and comes back on another port.
 */
export class TcpFaults {
  /**
   * Where connections lead, in turn when there are several; may change at any time. Where nobody listens the client is
   * reset, as by a dead registry.
   */
  targetPorts: readonly number[] = []
  /** The heads of all plain HTTP requests seen, in order of arrival. */
  readonly requests: string[] = []
  readonly #server: Server
  #joined = 0
  readonly #pairs = new Set<Pair>()
  readonly #rules = new Set<Rule>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (client: Socket) => this.#join(client))
  }

  static async start(): Promise<TcpFaults> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpFaults(server)
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  /**
   * Breaks the first connection that carries so many bytes from now on, in the middle of them, once. Answers when it did. A
   * sender sees a reset, a receiver the early end of what it was promised.
   */
  cutOnce(direction: Direction, afterBytes: number): Promise<void> {
    return this.#when({ direction, afterBytes, cuts: true })
  }

  /** Answers when all connections together have carried so many bytes from now on. */
  passed(direction: Direction, bytes: number): Promise<void> {
    return this.#when({ direction, afterBytes: bytes, cuts: false })
  }

  /** Forgets the faults that were set and have not happened. */
  heal(): void {
    this.#rules.clear()
  }

  async close(): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
    this.#server.close()
    await once(this.#server, 'close')
  }

  #when(rule: Pick<Rule, 'direction' | 'afterBytes' | 'cuts'>): Promise<void> {
    return new Promise((resolve) => this.#rules.add({ ...rule, carried: new Map(), resolve }))
  }

  #join(client: Socket): void {
    const port = this.targetPorts[this.#joined++ % this.targetPorts.length] ?? 0
    const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const pair = { client, server }
    this.#pairs.add(pair)
    this.#carry(pair, 'up', client, server)
    this.#carry(pair, 'down', server, client)
  }

  #carry(pair: Pair, direction: Direction, from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      if (direction === 'up') this.#note(chunk)
      if (this.#isCut(pair, direction, chunk.length) || to.destroyed) return
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
    from.on('end', () => to.end())
    // Node never closes a socket that is reset after its end was sent.
    from.on('error', () => (to.writableEnded ? to.destroy() : to.resetAndDestroy()))
    from.on('close', () => {
      to.destroySoon()
      this.#pairs.delete(pair)
    })
  }

  #note(chunk: Buffer): void {
    const head = REQUEST_HEAD.exec(chunk.subarray(0, 8192).toString('latin1'))
    if (head !== null) this.requests.push(head[0])
  }

  #isCut(pair: Pair, direction: Direction, bytes: number): boolean {
    for (const rule of this.#rules) {
      if (rule.direction !== direction) continue
      rule.carried.set(pair, (rule.carried.get(pair) ?? 0) + bytes)
      const total = rule.cuts ? (rule.carried.get(pair) ?? 0) : sum(rule.carried.values())
      if (total < rule.afterBytes) continue
      this.#rules.delete(rule)
      if (rule.cuts) {
        if (direction === 'up') pair.client.resetAndDestroy()
        else pair.client.destroySoon()
        pair.server.resetAndDestroy()
      }
      rule.resolve()
      if (rule.cuts) return true
    }
    return false
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const each of numbers) total += each
  return total
}
