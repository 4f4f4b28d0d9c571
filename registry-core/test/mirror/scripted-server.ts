import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { digestOfBytes } from '#core/oci/digest.js'

/** What a scripted server does with a request to a path; `/v2/` and the like, without the query. */
export type Scene = (request: IncomingMessage, response: ServerResponse) => void

/** A server that plays what a test wrote down, and remembers what it was asked. */
export interface ScriptedServer {
  readonly url: URL
  readonly host: string
  /** `GET /v2/?n=1`, in the order they came. */
  readonly asked: readonly string[]
  /** The headers that came with each of them. */
  readonly headers: readonly IncomingMessage['headers'][]
  /** From now on; `*` is any other path, which is a 404 otherwise. */
  play(path: string, scene: Scene): void
  /** How often a path was asked for, with any method and query. */
  count(path: string): number
  close(): Promise<void>
}

export interface ScriptedServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly address?: string
}

export async function openScriptedServer(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const scenes = new Map<string, Scene>()
  const asked: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    headers.push(request.headers)
    const scene = scenes.get(pathOf(request.url ?? '')) ?? scenes.get('*') ?? answer(404)
    scene(request, response)
  }
  const { tls, address = '127.0.0.1' } = options
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  await once(server.listen(0, address), 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port')
  const url = new URL(`${tls === undefined ? 'http' : 'https'}://${address}:${bound.port}`)
  return {
    url,
    host: url.host,
    asked,
    headers,
    play: (path, scene) => scenes.set(path, scene),
    count: (path) => asked.filter((line) => pathOf(line.split(' ')[1] ?? '') === path).length,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pathOf(target: string): string {
  return target.replace(/\?.*$/, '')
}

/** A plain answer. */
export function answer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = '',
): Scene {
  return (request, response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Scene {
  return answer(200, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))
}

export function redirect(location: string, status = 307): Scene {
  return answer(status, { location })
}

/** A 401 that says where tokens are to be had. */
export function challenge(realm: string, further = 'service="registry"'): Scene {
  return answer(401, { 'www-authenticate': `Bearer realm="${realm}",${further}` })
}

/** Plays the scene to those who bring the header, else another one. */
export function forBearer(authorization: string, scene: Scene, otherwise: Scene): Scene {
  return (request, response) =>
    (request.headers.authorization === authorization ? scene : otherwise)(request, response)
}

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** The bytes of a manifest, different for each text. */
export function manifestBytes(text: string): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, annotations: { text } }))
}

/** As a registry answers it. */
export function manifest(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Scene {
  const digest = digestOfBytes('sha256', bytes)
  return answer(
    200,
    { 'content-type': MANIFEST_TYPE, 'docker-content-digest': digest, etag: `"${digest}"`, ...headers },
    bytes,
  )
}
