import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'

import { eventually } from '../support/eventually.js'

/** An event as it came: every field, in its order. */
export interface SentEvent {
  readonly id: string
  readonly timestamp: string
  readonly action: string
  readonly target: Readonly<Record<string, unknown>>
  readonly request: Readonly<Record<string, string>>
  readonly actor: Readonly<Record<string, string>>
  readonly source: Readonly<Record<string, string>>
}

/** What the endpoint does with a request: a status, no answer at all, or a cut connection. */
export type Behaviour = number | 'hang' | 'reset'

/** An endpoint for notifications that can be as bad as real ones. */
export class Sink {
  behaviour: Behaviour = 200
  /** Where everything is now: a 307 leads there. */
  location: string | undefined
  /** What was taken, in its order. */
  readonly events: SentEvent[] = []
  /** The heads of all requests, taken or not. */
  readonly heads: IncomingHttpHeaders[] = []
  #server: Server | undefined
  #port = 0
  readonly #held = new Set<ServerResponse>()

  static async start(): Promise<Sink> {
    const sink = new Sink()
    await sink.open()
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events`
  }

  /** Listens, again at the same port after `close`. */
  async open(): Promise<void> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece))
      request.on('end', () => {
        this.heads.push(request.headers)
        if (this.location !== undefined && request.url === '/events')
          response.writeHead(307, { location: this.location }).end()
        else this.#take(Buffer.concat(pieces), response)
      })
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
    this.#server = server
  }

  #take(body: Buffer, response: ServerResponse): void {
    if (this.behaviour === 'reset') response.socket?.resetAndDestroy()
    else if (this.behaviour === 'hang') this.#held.add(response)
    else {
      if (this.behaviour < 300) this.events.push(...eventsOf(body))
      response.writeHead(this.behaviour).end()
    }
  }

  /** Answers what hangs, without having taken it, and behaves from now on. */
  release(): void {
    this.behaviour = 200
    for (const response of this.#held) response.writeHead(503).end()
    this.#held.clear()
  }

  /** Waits until so many different events have come; answers them in the order of their first coming. */
  async until(count: number, deadlineMs = 30_000): Promise<readonly SentEvent[]> {
    try {
      await eventually(`${count} events`, () => this.different().length >= count, { deadlineMs })
    } catch (error) {
      throw new Error(`${this.different().length} of ${count} events came`, { cause: error })
    }
    return this.different()
  }

  different(): readonly SentEvent[] {
    return [...new Map(this.events.map((event) => [event.id, event])).values()]
  }

  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
}

function eventsOf(body: Buffer): readonly SentEvent[] {
  return (JSON.parse(body.toString()) as { readonly events: readonly SentEvent[] }).events
}

/** An event in short: what happened to what. */
export function inShort({ action, target }: SentEvent): string {
  const { repository, tag, digest } = target as Readonly<Record<string, string | undefined>>
  return `${action} ${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/** The file's section for one endpoint. */
export function notifying(url: string, further: object = {}): { readonly notifications: object } {
  return {
    notifications: {
      events: { includereferences: true },
      endpoints: [{ name: 'hub', url, timeout: '1s', threshold: 2, backoff: '50ms', ...further }],
    },
  }
}
