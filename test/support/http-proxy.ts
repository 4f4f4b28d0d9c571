import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'

/** An HTTP proxy on a free port of 127.0.0.1 that carries requests and CONNECT, and finds every host on this machine. */
export class HttpProxy {
  /** `CONNECT quay.io:443`, `GET http://quay.io/v2/`, in order of arrival. */
  readonly requests: string[] = []
  /** What clients logged in with. */
  readonly logins: (string | undefined)[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (asked, answer) => this.#forward(asked, answer))
    server.on('connect', (asked, client: Socket) => this.#join(asked, client))
    server.on('connection', (socket: Socket) => this.#keep(socket))
  }

  static async start(): Promise<HttpProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HttpProxy(server)
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    this.#note(asked)
    const { port, pathname, search } = new URL(asked.url ?? '')
    const { method, headers } = asked
    const onward = request({ port, host: '127.0.0.1', path: pathname + search, method, headers }, (came) => {
      answer.writeHead(came.statusCode ?? 502, came.headers)
      came.pipe(answer)
    })
    onward.on('error', () => answer.writeHead(502).end())
    asked.pipe(onward)
  }

  #join(asked: IncomingMessage, client: Socket): void {
    this.#note(asked)
    const server = connect({ port: Number(asked.url?.split(':').at(-1)), host: '127.0.0.1' })
    this.#keep(server)
    server.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.pipe(client)
      client.pipe(server)
    })
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #note({ method, url, headers }: IncomingMessage): void {
    this.requests.push(`${method} ${url}`)
    this.logins.push(headers['proxy-authorization'])
  }
}
