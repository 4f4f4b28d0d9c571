import { once } from 'node:events'
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'

import { digestOf } from '../support/images.js'

/** One request as it reached the core. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly headers: http.IncomingHttpHeaders
  /** Names and values as they came, in turns: shows what came twice. */
  readonly rawHeaders: readonly string[]
}

/** The core's side of the X-Accel contract, for what the real core cannot be made to do on order. */
export interface ScriptedCore {
  readonly socket: string
  readonly storeRoot: string
  readonly seen: readonly SeenRequest[]
  /** How many connections were ever made to it. */
  connections(): number
  /** Puts a blob into the store and answers its digest. */
  put(bytes: Uint8Array): string
  /** The file of a blob. */
  fileOf(digest: string): string
  /** The next request is answered by this, and not by the contract. */
  next(answer: Handler): void
  stop(): Promise<void>
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void | Promise<void>

const BLOB = /^\/v2\/.+\/blobs\/(sha256:[0-9a-f]{64})(?:\?|$)/

export async function startScriptedCore(): Promise<ScriptedCore> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const storeRoot = path.join(folder, 'store')
  const socket = path.join(folder, 'core.sock')
  const seen: SeenRequest[] = []
  const scripted: Handler[] = []
  const below = (digest: string): string => `sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`
  const fileOf = (digest: string): string => path.join(storeRoot, 'docker/registry/v2/blobs', below(digest))

  const server = http.createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    const { method = '', url: target = '', headers, rawHeaders } = request
    seen.push({ method, target, headers, rawHeaders })
    const handler = scripted.shift()
    if (handler) return void handler(request, response)
    const digest = BLOB.exec(target)?.[1]
    if (digest === undefined) return void request.resume().on('end', () => response.end('{}'))
    const isStreamed = method === 'HEAD' || headers['x-entrepot-no-accel'] === '1'
    response.setHeaders(
      new Map(Object.entries(isStreamed ? blobHeaders(digest) : acceleratedHeaders(digest))),
    )
    if (method === 'HEAD')
      return void response.setHeader('content-length', statSync(fileOf(digest)).size).end()
    if (isStreamed) return streamed(response, fileOf(digest))
    response.setHeader('x-accel-redirect', `/_blobs/${below(digest)}`).end()
  })
  server.keepAliveTimeout = 75_000 // longer than nginx's, as the real core's is
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    storeRoot,
    seen,
    connections: () => connections,
    fileOf,
    put(bytes) {
      const digest = digestOf(bytes)
      mkdirSync(path.dirname(fileOf(digest)), { recursive: true })
      writeFileSync(fileOf(digest), bytes)
      return digest
    },
    next: (handler) => void scripted.push(handler),
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      rmSync(folder, { recursive: true })
    },
  }
}

const CACHE_CONTROL = 'max-age=31536000, immutable'

/** What the contract puts on every answer that hands a blob to nginx. */
export function acceleratedHeaders(digest: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'docker-distribution-api-version': 'registry/2.0',
    etag: `"${digest}"`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-cache': 'hit',
    'x-entrepot-origin': 'quay.io',
    'oci-namespace': 'quay.io',
    'x-entrepot-cache-control': CACHE_CONTROL,
    'x-entrepot-content-disposition': 'attachment',
  }
}

/** What stands on a blob that the core sends itself. */
function blobHeaders(digest: string): Readonly<Record<string, string>> {
  const {
    'x-entrepot-cache-control': _,
    'x-entrepot-content-disposition': __,
    ...same
  } = acceleratedHeaders(digest)
  return {
    ...same,
    'cache-control': CACHE_CONTROL,
    'content-disposition': 'attachment',
    'accept-ranges': 'bytes',
  }
}

function streamed(response: http.ServerResponse, file: string): void {
  response.setHeader('x-streamed-by', 'core')
  createReadStream(file).pipe(response)
}
