import { z } from 'zod'

import type { LoggedRequest } from './log-line.js'

const seenClient = z.strictObject({
  address: z.string(),
  program: z.string().meta({ description: 'The first word of its User-Agent: docker, containerd, libpod.' }),
  view: z.string().meta({ description: 'What the listener is for: registry, mirror or upstream.' }),
  scheme: z.enum(['http', 'https']),
  lastPull: z.iso.datetime(),
  pulls: z.int().meta({ description: 'Manifests that it was given, since it is in this list.' }),
  account: z.string().meta({ description: 'Who had logged in; empty for nobody.' }),
  userAgent: z.string(),
})

/** The same under its name in OpenAPI. */
export const seenClientSchema = seenClient.meta({ id: 'SeenClient' })
/** One address with one program by one listener, and what it has pulled; times are of its last pull. */
export type SeenClient = z.output<typeof seenClient>

/** What was seen before, as it was kept; nothing where that cannot be read. */
export function readSeenClients(value: unknown): readonly SeenClient[] {
  return z.array(seenClient).safeParse(value).data ?? []
}

const MOST_CLIENTS = 1000
/** More than one machine has programs and ways, so that nobody pushes the others out by names that he makes up. */
const MOST_OF_ADDRESS = 50
const LONGEST_USER_AGENT = 200
/** A manifest by tag or digest, or a blob: the end of its target. */
const MANIFEST = /^\/v2\/.+\/manifests\/[^/?]+(?:\?|$)/
const BLOB = /^\/v2\/.+\/blobs\/[^/?]+(?:\?|$)/
const PULLED: ReadonlySet<number> = new Set([200, 206, 304])

/** Who has pulled last, and by which way: the last 1,000 of address, program and listener, 50 of an address. */
export class SeenClients {
  /** The one that was seen last is at the end. */
  readonly #clients = new Map<string, SeenClient>()

  constructor(before: readonly SeenClient[] = []) {
    for (const client of before.toReversed()) this.#clients.set(keyOf(client), client)
  }

  /** Takes notice of a pull; anything else is none: the box's own probes ask for no manifest and no blob. */
  note(request: LoggedRequest): void {
    const { method, status, target, userAgent, address, view, scheme, time, account } = request
    if (method !== 'GET' || !PULLED.has(status)) return
    const isManifest = MANIFEST.test(target)
    const timeMs = isManifest || BLOB.test(target) ? Date.parse(time) : NaN
    if (Number.isNaN(timeMs)) return
    const way = { address, program: programOf(userAgent), view, scheme }
    const key = keyOf(way)
    const before = this.#clients.get(key)
    if (before === undefined) this.#makeRoom(address)
    this.#clients.delete(key)
    this.#clients.set(key, {
      ...way,
      lastPull: new Date(timeMs).toISOString(),
      pulls: (before?.pulls ?? 0) + (isManifest ? 1 : 0),
      account,
      userAgent: userAgent.slice(0, LONGEST_USER_AGENT),
    })
  }

  #makeRoom(address: string): void {
    let ofAddress = 0
    let leaving: string | undefined
    for (const [key, client] of this.#clients) {
      if (client.address !== address) continue
      ofAddress += 1
      leaving ??= key
    }
    if (ofAddress < MOST_OF_ADDRESS) {
      const [oldest] = this.#clients.keys()
      leaving = this.#clients.size < MOST_CLIENTS ? undefined : oldest
    }
    if (leaving !== undefined) this.#clients.delete(leaving)
  }

  /** The last one first. */
  list(): readonly SeenClient[] {
    return [...this.#clients.values()].toReversed()
  }
}

function keyOf({
  address,
  program,
  view,
  scheme,
}: Pick<SeenClient, 'address' | 'program' | 'view' | 'scheme'>): string {
  return [address, program, view, scheme].join(' ')
}

/** `docker` of `docker/20.10.24 go/go1.19.8 …`, without its version, which changes while the client is the same. */
function programOf(userAgent: string): string {
  const [, name] = /^([A-Za-z][\w.+-]{0,39})(?:[/ ]|$)/.exec(userAgent) ?? []
  return name?.toLowerCase() ?? 'unknown'
}
