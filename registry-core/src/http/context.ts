import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Caller } from '../access/caller.js'
import type { Access, From } from '../access/open-access.js'
import type { Registry, Served } from '../registry/source.js'
import type { JournalActor } from '../store/journal-entry.js'
import type { Content, Space } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Readiness } from '../system/readiness.js'
import type { Place } from '../views/place.js'
import type { View } from '../views/view.js'
import type { Views } from '../views/views.js'
import type { Answer } from './answer.js'
import { ClientGone, type RequestBody } from './body.js'
import { eventOrigin, realmOrigin } from './reached-address.js'
import type { Strays } from './strays.js'
import type { RepositoryCallKind, CallKind, CallOf } from './target.js'

/** What endpoints work with. */
export interface Parts {
  readonly registry: Registry
  readonly views: Views
  readonly access: Access
  readonly content: Content
  readonly space: Space
  readonly readiness: Readiness
  readonly clock: Clock
  readonly strays: Strays
  readonly deletesOn: boolean
  /** The most that one page of the catalog holds. */
  readonly catalogLimit: number
}

/** One request on its way, as endpoints see it. */
export interface Context {
  readonly parts: Parts
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
  readonly from: From
  readonly body: RequestBody
  /** Which view this listener, or virtual host, is. */
  readonly place: Place
  /** Aborted when the client goes; made when it is asked for. */
  readonly signal: () => AbortSignal
  /** What a client is told that may log in. */
  readonly challenge: () => string
  /** Who it is, for the journal. */
  readonly actor: JournalActor
}

/** A typed call in, an answer out: parses no path, writes no socket. */
export type Endpoint<K extends CallKind> = (call: CallOf<K>, context: Context) => Promise<Answer> | Answer

/** The same for a call to a repository, which a view has found. */
export type RepositoryEndpoint<K extends RepositoryCallKind> = (
  call: CallOf<K>,
  view: View,
  context: Context,
) => Promise<Answer> | Answer

/** Who is at the other end, and under which id the request is known in logs. */
export interface Peer {
  readonly requestId: string
  readonly remoteAddress: string
  /** Its listener's place among the listeners. */
  readonly listener: number
  /** nginx stands in front and overwrites the headers that it owns. */
  readonly isBehindNginx: boolean
  /** Anonymous, until an Authorization header was judged. */
  caller: Caller
}

/** The context of a node request. What few requests need is made when it is first asked for. */
export class RequestContext implements Context {
  readonly parts: Parts
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: RequestBody
  readonly peer: Peer
  /** Known once the target is read. */
  place: Place = { kind: 'registry' }
  /** Where the answer is from. */
  served: Served = { origin: 'local', cache: 'bypass' }
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #signal: AbortSignal | undefined

  constructor(
    parts: Parts,
    exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
    body: RequestBody,
    peer: Peer,
  ) {
    this.parts = parts
    this.method = exchange.request.method ?? ''
    this.headers = exchange.request.headers
    this.body = body
    this.peer = peer
    this.#request = exchange.request
    this.#response = exchange.response
  }

  get caller(): Caller {
    return this.peer.caller
  }

  /** Daemons send mirrors what they were given for Docker Hub: what is missed there locks nobody out of the registry. */
  get from(): From {
    const { listener, remoteAddress } = this.peer
    return { listener, address: this.place.kind === 'registry' ? remoteAddress : `mirror ${remoteAddress}` }
  }

  readonly signal = (): AbortSignal => {
    this.#signal ??= this.#watch()
    return this.#signal
  }

  readonly challenge = (): string =>
    this.parts.access.challenge(realmOrigin(this.#request, this.peer.isBehindNginx), {
      scopes: [],
      error: undefined,
    })

  get actor(): JournalActor {
    return {
      requestId: this.peer.requestId,
      remoteAddress: addressWithPort(this.peer.remoteAddress, this.#request.socket),
      method: this.method,
      userAgent: this.headers['user-agent'] ?? '',
      account: this.peer.caller.account,
      origin: eventOrigin(this.#request),
    }
  }

  #watch(): AbortSignal {
    const controller = new AbortController()
    const response = this.#response
    const gone = (): void => {
      if (!response.writableFinished) controller.abort(new ClientGone('the client has gone'))
    }
    if (response.destroyed) gone()
    else response.on('close', gone)
    return controller.signal
  }
}

/** As Go writes it; what nginx has told us has no port. */
function addressWithPort(address: string, { remoteAddress, remotePort }: Socket): string {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/, '')
  if (address !== remoteAddress || remotePort === undefined) return plain
  return plain.includes(':') ? `[${plain}]:${remotePort}` : `${plain}:${remotePort}`
}
