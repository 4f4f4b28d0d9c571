import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Client } from 'undici'
import type { AccessSettings } from '#core/access/access-settings.js'
import type { AnonymousLevel } from '#core/access/caller.js'
import { type Access, openAccess } from '#core/access/open-access.js'
import type { Outcome } from '#core/http/handle.js'
import type { Refusal } from '#core/http/parser-errors.js'
import { type Edge, openEdge } from '#core/http/server.js'
import type { Certificates } from '#core/http/tls/renewal.js'
import type { Registry } from '#core/registry/source.js'
import { openRegistry } from '#core/registry/open-registry.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import type { Content, Space } from '#core/store/store.js'
import { type Clock, systemClock } from '#core/system/clock.js'
import type { Load } from '#core/system/metrics.js'
import { systemRandom } from '#core/system/random.js'
import { openReadiness } from '#core/system/readiness.js'
import { Strays } from '#core/http/strays.js'
import { NO_MIRRORS } from '#core/mirror/mirrors.js'
import { openViews, type Views } from '#core/views/views.js'
import { openFolder } from '../real-store.js'
import { silentLog as log } from '../simulated-store.js'

export interface TestEdgeOptions {
  /** A folder of the caller's, which stays. */
  readonly root?: string
  readonly anonymous?: AnonymousLevel
  /** Accounts and the like; nobody can log in without. */
  readonly access?: Partial<AccessSettings>
  readonly deletesOn?: boolean
  readonly catalogLimit?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly idleMs?: number
  readonly headersMs?: number
  readonly collectedLimitBytes?: number
  readonly clock?: Clock
  readonly failing?: () => readonly string[]
  readonly failingCheck?: () => { readonly check: string; readonly why: string } | undefined
  readonly prefix?: string
  readonly certificates?: Certificates
  readonly handshakeMs?: number
  readonly warnings?: () => readonly string[]
  readonly wrapContent?: (content: Content) => Content
  readonly wrapSpace?: (space: Space) => Space
  readonly wrapRegistry?: (registry: Registry) => Registry
}

/** The edge over a real store in a folder of its own; a TCP listener, and one behind an imaginary nginx. */
export interface TestEdge {
  readonly port: number
  readonly socketPath: string
  readonly root: string
  readonly store: OpenedStore
  readonly edge: Edge
  readonly access: Access
  readonly outcomes: Outcome[]
  readonly refusals: Refusal[]
  readonly load: Load
  /** Sends a request exactly as said; `behindNginx` over the unix socket. */
  send(method: string, path: string, options?: SendOptions): Promise<TestAnswer>
  /** A connection on which nothing has been said. */
  connect(): Promise<Socket>
  close(): Promise<void>
}

export interface SendOptions {
  readonly headers?: Record<string, string>
  readonly body?: Buffer | string | AsyncIterable<Buffer>
  readonly behindNginx?: boolean
}

export interface TestAnswer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
  /** The code of the first error in a JSON body. */
  readonly code: string | undefined
}

/** Settings without anybody who can log in. */
const NOBODY: Omit<AccessSettings, 'anonymous'> = {
  accounts: [],
  htpasswd: undefined,
  token: undefined,
  immutable: [],
  externalUrl: undefined,
}

/** Of a registry that mirrors nobody. */
function openLocalViews({ links, origins }: OpenedStore, registry: Registry): Views {
  const nothing = { show: [], hide: [], override: [], localOnly: [], fallThrough: [], onRegistry: [] }
  return openViews({
    registry,
    links,
    origins,
    clock: systemClock,
    isReadOnly: false,
    mirrors: NO_MIRRORS,
    overlay: () => ({ ...nothing, prefer: 'local' as const }),
  })
}

export async function startEdge(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'e-'))
  const store = await openFolder(root)
  const opened = openRegistry({ store, clock: systemClock, log })
  const registry = options.wrapRegistry?.(opened) ?? opened
  const outcomes: Outcome[] = []
  const refusals: Refusal[] = []
  const load = { requests: 0, uploads: 0 }
  const { anonymous = 'push', idleMs, clock = systemClock } = options
  const access = openAccess(
    { ...NOBODY, anonymous: [anonymous, anonymous], ...options.access },
    { secret: store.secret, clock, random: systemRandom, log },
  )
  const socketPath = join(root, 'entrepot', 'front.sock')
  const edge = await openEdge({
    ...{
      log,
      clock,
      random: systemRandom,
      views: openLocalViews(store, registry),
      headers: options.headers ?? [],
    },
    load,
    ...{ prefix: options.prefix ?? '', certificates: options.certificates },
    failingCheck: () => options.failingCheck?.(),
    listeners: [
      { address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, view: 'registry' },
      { address: { kind: 'unix', path: socketPath }, view: 'header' },
    ],
    parts: {
      ...{
        registry,
        access,
        clock,
        deletesOn: options.deletesOn ?? true,
        catalogLimit: options.catalogLimit ?? 1000,
      },
      content: options.wrapContent?.(store.content) ?? store.content,
      space: options.wrapSpace?.(store.space) ?? store.space,
      views: openLocalViews(store, registry),
      strays: new Strays({ clock: systemClock }),
      readiness: openReadiness({
        failing: () => options.failing?.() ?? [],
        warnings: () => options.warnings?.() ?? [],
      }),
    },
    report: (outcome) => outcomes.push(outcome),
    reportRefusal: (refusal) => refusals.push(refusal),
    ...(idleMs !== undefined && { idleMs }),
    ...(options.handshakeMs !== undefined && { handshakeMs: options.handshakeMs }),
    ...(options.headersMs !== undefined && { headersMs: options.headersMs }),
    ...(options.collectedLimitBytes !== undefined && { collectedLimitBytes: options.collectedLimitBytes }),
  })
  const port = edge.ports[0] ?? 0
  return {
    ...{ port, socketPath, root, store, edge, access, outcomes, refusals, load },
    send: (method, path, sent = {}) => sendOnce({ port, socketPath }, method, path, sent),
    connect: async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    },
    async close() {
      await edge.stop(0)
      await opened.close()
      await store.close()
      if (options.root === undefined) rmSync(root, { recursive: true, force: true })
    },
  }
}

async function sendOnce(
  { port, socketPath }: { port: number; socketPath: string },
  method: string,
  path: string,
  { headers = {}, body, behindNginx = false }: SendOptions,
): Promise<TestAnswer> {
  const client = behindNginx
    ? new Client('http://front', { socketPath })
    : new Client(`http://127.0.0.1:${port}`)
  try {
    const answer = await client.request({
      method,
      path,
      headers: behindNginx ? { 'x-entrepot-view': 'registry', ...headers } : headers,
      body:
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
          ? (body ?? null)
          : Readable.from(body),
    })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, headers: answer.headers, body: bytes, code: codeOf(bytes) }
  } finally {
    await client.destroy()
  }
}

function codeOf(bytes: Buffer): string | undefined {
  return /"code":"([A-Z_]+)"/.exec(bytes.toString('latin1'))?.[1]
}

/** Everything that comes back on the connection until it ends, or `isEnough`. */
export async function readUntil(
  socket: Socket,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  let text = ''
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    if (isEnough(text)) resolve()
  })
  socket.on('close', () => resolve())
  socket.on('error', () => undefined) // a reset ends it too
  await promise
  return text
}

/** Asks again until it is so; fails after ten seconds. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('not within ten seconds')
    await systemClock.sleep(5)
  }
}

/** Random bytes and their digest. */
export function randomBlob(
  sizeBytes: number,
  algorithm: 'sha256' | 'sha512' = 'sha256',
): { bytes: Buffer; digest: string } {
  const bytes = randomBytes(sizeBytes)
  return { bytes, digest: digestOf(bytes, algorithm) }
}

export function digestOf(bytes: Buffer | string, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** Uploads a blob in one request. */
export async function pushBlob(
  edge: TestEdge,
  repository: string,
  blob: { bytes: Buffer; digest: string },
): Promise<void> {
  const answer = await edge.send('POST', `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`, {
    body: blob.bytes,
  })
  if (answer.status !== 201)
    throw new Error(`the push was answered ${answer.status}: ${answer.body.toString()}`)
}

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/** Pushes an image of one layer under a tag; answers its manifest. */
export async function pushImage(
  edge: TestEdge,
  repository: string,
  tag: string,
  fields: object = {},
): Promise<{ manifest: Buffer; digest: string }> {
  const [config, layer] = [randomBlob(10), randomBlob(100)]
  await pushBlob(edge, repository, config)
  await pushBlob(edge, repository, layer)
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: 10 },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: 100 }],
      ...fields,
    }),
  )
  const answer = await edge.send('PUT', `/v2/${repository}/manifests/${tag}`, {
    headers: { 'content-type': OCI_MANIFEST },
    body: manifest,
  })
  if (answer.status !== 201)
    throw new Error(`the push was answered ${answer.status}: ${answer.body.toString()}`)
  return { manifest, digest: digestOf(manifest) }
}
