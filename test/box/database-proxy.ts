import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

import { systemClock } from '#core/system/clock.js'

/** The way to a PostgreSQL, a port of 127.0.0.1: as slow as a test wants it, or silent. */
export class DatabaseProxy {
  /** What the server says comes so much later. */
  delayMs = 0
  readonly #server: Server
  readonly #socketFile: string
  readonly #sockets = new Set<Socket>()
  #holding: PromiseWithResolvers<void> | undefined
  #holdsAt: RegExp | undefined

  private constructor(server: Server, socketFile: string) {
    this.#server = server
    this.#socketFile = socketFile
    server.on('connection', (client: Socket) => this.#join(client))
  }

  /** `socketFile` is that of the server. */
  static async start(socketFile: string): Promise<DatabaseProxy> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new DatabaseProxy(server, socketFile)
  }

  /** The address of a database, by this way. */
  urlOf(user: string, password: string, database: string): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
    return `postgres://${user}:${password}@127.0.0.1:${address.port}/${database}?sslmode=disable`
  }

  /** From now on, or once a client has sent this, nothing is carried, and nothing is ended. */
  hold(from?: RegExp): void {
    if (from === undefined) this.#holding ??= Promise.withResolvers()
    else this.#holdsAt = from
  }

  get isHolding(): boolean {
    return this.#holding !== undefined
  }

  /** As at first; what was held is carried. */
  heal(): void {
    this.delayMs = 0
    this.#holdsAt = undefined
    this.#holding?.resolve()
    this.#holding = undefined
  }

  async close(): Promise<void> {
    this.heal()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket): void {
    const server = connect({ path: this.#socketFile })
    for (const [from, to, isAnswer] of [
      [client, server, false],
      [server, client, true],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => undefined) // who is at the other end sees it as an end
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      void this.#carry(from, to, isAnswer)
    }
  }

  async #carry(from: Socket, to: Socket, isAnswer: boolean): Promise<void> {
    try {
      for await (const chunk of from) {
        if (!isAnswer && this.#holdsAt?.test(String(chunk)) === true) this.hold()
        while (this.#holding !== undefined) await this.#holding.promise
        if (isAnswer && this.delayMs > 0) await systemClock.sleep(this.delayMs)
        to.write(chunk as Buffer)
      }
    } catch {
      // a connection that was reset
    }
    to.end()
  }
}
