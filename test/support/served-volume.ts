import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

import type { StateFolder } from './state-folder.js'
import { type Certificates, makeCertificates, signCertificate } from './certificates.js'
import { type Descriptor, digestOf } from './images.js'
import { type RunningNginx, startNginx } from './nginx.js'
import { EVERY_MANIFEST_TYPE, expectStatus, RegistryClient } from './registry-client.js'
import { startCore, startDockerRegistry, type Target, type TargetOptions } from './targets.js'
import { TcpFaults } from './tcp-faults.js'

/** Who serves a volume. */
export type Server = 'registry-core' | 'docker-registry'

const START: Readonly<Record<Server, (options: TargetOptions) => Promise<Target>>> = {
  'registry-core': startCore,
  'docker-registry': startDockerRegistry,
}

/**
 * What clients speak to: the server itself, over plain HTTP or over TLS that wants a certificate of them, or our nginx with
 * TLS before it.
 */
export type Front = 'plain HTTP' | 'TLS of its own' | 'nginx with TLS'

/** The name that stands for the machine's loopback in a network of its own, and in the certificate. */
export const OUTSIDE_NAME = 'registry.test'

/** The registry that the clients speak to: ours, or with CLIENTS_SERVER=docker-registry the peer, which proves the tests. */
export function serverUnderTest(): Server {
  const { CLIENTS_SERVER: server = 'registry-core' } = process.env
  if (server !== 'registry-core' && server !== 'docker-registry') throw new Error(`no server "${server}"`)
  return server
}

type ClientCertificate = Pick<Certificates, 'certificate' | 'key'>

/** Who may do what there; anybody everything when missing. */
export interface Restriction {
  /** Further top-level keys of the server's configuration. */
  readonly config: Readonly<Record<string, unknown>>
  /** What the volume's own client sends, so that it may everything. */
  readonly headers: Readonly<Record<string, string>>
}

/** A request that reached the registry or the nginx before it. */
export interface SeenRequest {
  /** As in `GET /v2/app/blobs/sha256:…`. */
  readonly line: string
  /** It asked for a part, and with nginx in front also got it. */
  readonly isPartial: boolean
}

/** A manifest as the registry answers it; of the JSON only what these tests look at. */
export interface StoredManifest {
  readonly mediaType: string
  readonly digest: string
  readonly json: {
    readonly config?: Descriptor
    readonly layers?: readonly Descriptor[]
    readonly manifests?: readonly Descriptor[]
  }
}

/**
 * A registry's volume with one address for clients that stays the same while its servers come, go, and are killed.
 */
export class ServedVolume {
  readonly root: string
  readonly faults: TcpFaults
  /** Speaks to the registry over plain HTTP, past whatever faults are set. */
  readonly client: RegistryClient
  /** The authority that clients must trust; `undefined` without TLS. */
  readonly caFile: string | undefined
  /** What clients must show; `undefined` where nobody asks. */
  readonly clientCertificate: ClientCertificate | undefined
  readonly #socket: string
  readonly #nginx: RunningNginx | undefined
  readonly #certificates: Certificates | undefined
  readonly #restriction: Restriction
  /** Logs of servers that have ended. */
  #endedLogs = ''
  #server: Target | undefined
  #bridge: AsyncDisposable | undefined

  private constructor(
    state: StateFolder,
    faults: TcpFaults,
    { nginx, own, client }: { nginx?: RunningNginx; own?: Certificates; client?: ClientCertificate },
    restriction: Restriction,
  ) {
    this.#restriction = restriction
    const { headers } = restriction
    this.root = state.join('volume')
    this.#socket = state.join('core.sock')
    this.faults = faults
    this.#nginx = nginx
    this.#certificates = own
    this.clientCertificate = client
    this.caFile = own?.caFile
    if (nginx?.tlsPort !== undefined && nginx.caFile !== undefined) {
      faults.targetPorts = [nginx.tlsPort]
      this.caFile = state.join('ca.pem')
      copyFileSync(nginx.caFile, this.caFile)
    }
    this.client =
      own && client
        ? new RegistryClient(`https://127.0.0.1:${faults.port}`, { tls: pemOf(own, client), headers })
        : new RegistryClient(`http://127.0.0.1:${nginx?.httpPort ?? faults.port}`, { headers })
  }

  static async open(
    state: StateFolder,
    server: Server,
    front: Front = 'plain HTTP',
    restriction: Restriction = { config: {}, headers: {} },
  ): Promise<ServedVolume> {
    const served = await openFront(state, front)
    const volume = new ServedVolume(state, await TcpFaults.start(), served, restriction)
    await volume.serveWith(server)
    return volume
  }

  get port(): number {
    return this.faults.port
  }

  /** For clients in the machine's own network: as it stands before the slash in an image's name. */
  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The flags of a client that must be told that there is no TLS; none where there is. */
  flagsForPlain(...flags: readonly string[]): readonly string[] {
    return this.caFile === undefined ? flags : []
  }

  /** Starts a server where none runs, with another configuration when there is one. */
  async serveWith(server: Server, further = this.#restriction.config): Promise<void> {
    if (this.#server !== undefined) throw new Error('the volume is served already')
    const behindNginx = this.#nginx !== undefined
    const ours = behindNginx && server === 'registry-core'
    const listeners = [{ socket: this.#socket, view: 'header' }]
    const config = ours ? { ...further, listeners } : further
    const { certificate, key, caFile } = this.#certificates ?? {}
    const http = certificate === undefined ? {} : { tls: { certificate, key, clientcas: [caFile] } }
    this.#server = await START[server]({ root: this.root, config, http })
    if (!behindNginx) this.faults.targetPorts = [this.#server.port]
    if (behindNginx && !ours) this.#bridge = await joinToSocket(this.#socket, this.#server.port)
  }

  /** Ends the server as a careful admin does. */
  async stop(): Promise<void> {
    await this.#server?.remove()
    this.#endedLogs += this.#server?.process.log() ?? ''
    this.#server = undefined
    await this.#bridge?.[Symbol.asyncDispose]()
    this.#bridge = undefined
  }

  /** Ends the server with SIGKILL: nothing is flushed, nothing is said to clients. */
  async kill(): Promise<void> {
    this.#server?.process.signal('SIGKILL')
    await this.stop()
  }

  /** All that came in so far, in order: what the client itself asked included. */
  requests(): readonly SeenRequest[] {
    if (this.#certificates !== undefined)
      return requestsIn(this.#endedLogs + (this.#server?.process.log() ?? ''))
    if (this.#nginx === undefined) {
      return this.faults.requests.map((head) => ({
        line: head.slice(0, head.indexOf(' HTTP/')),
        isPartial: /\r\nRange: bytes=/i.test(head),
      }))
    }
    const answered = this.#nginx.accessLog()
    return answered.map(({ method, target, status }) => ({
      line: `${String(method)} ${String(target)}`,
      isPartial: status === 206,
    }))
  }

  async manifest(repository: string, reference: string): Promise<StoredManifest> {
    const accept = { accept: EVERY_MANIFEST_TYPE }
    const answer = expectStatus(
      await this.client.get(`/v2/${repository}/manifests/${reference}`, accept),
      200,
    )
    return {
      mediaType: answer.header('content-type') ?? '',
      digest: digestOf(answer.body),
      json: answer.json() as StoredManifest['json'],
    }
  }

  /** Pulls a manifest and all that is below it; throws unless everything is there and hashes to its digest. */
  async pullWhole(repository: string, reference: string): Promise<StoredManifest> {
    const manifest = await this.manifest(repository, reference)
    const { config, layers = [], manifests = [] } = manifest.json
    for (const child of manifests) await this.pullWhole(repository, child.digest)
    for (const blob of config === undefined ? layers : [config, ...layers])
      await this.client.pullBlob(repository, blob.digest)
    return manifest
  }

  /** The digests of an image's layers, as the registry has it. */
  async layersOf(repository: string, reference: string): Promise<readonly string[]> {
    const { json } = await this.manifest(repository, reference)
    return (json.layers ?? []).map(({ digest }) => digest)
  }

  async close(): Promise<void> {
    await this.client.close()
    await this.faults.close()
    await this.stop()
    await this.#nginx?.stop()
  }
}

async function openFront(
  state: StateFolder,
  front: Front,
): Promise<{ nginx?: RunningNginx; own?: Certificates; client?: ClientCertificate }> {
  const names = [`DNS:${OUTSIDE_NAME}`, 'IP:127.0.0.1']
  switch (front) {
    case 'plain HTTP':
      return {}
    case 'nginx with TLS': {
      const options = { coreSocket: state.join('core.sock'), storeRoot: state.join('volume'), names }
      return { nginx: await startNginx(options) }
    }
    case 'TLS of its own': {
      const own = await makeCertificates(state.path, names)
      return { own, client: await signCertificate(state.path, 'client', own) }
    }
  }
}

function pemOf({ caFile }: Certificates, { certificate, key }: ClientCertificate) {
  return { ca: readFileSync(caFile), cert: readFileSync(certificate), key: readFileSync(key) }
}

/** The requests that a server's own log of JSON lines tells of, ours and the peer's. */
function requestsIn(log: string): readonly SeenRequest[] {
  const found: SeenRequest[] = []
  for (const line of log.split('\n')) {
    if (!line.startsWith('{') || !line.includes('"http.response.status"')) continue
    const { 'http.request.method': method, 'http.request.uri': uri, ...rest } = JSON.parse(line) as AccessLine
    found.push({ line: `${method} ${uri}`, isPartial: rest['http.response.status'] === 206 })
  }
  return found
}

interface AccessLine {
  readonly 'http.request.method': string
  readonly 'http.request.uri': string
  readonly 'http.response.status': number
}

/** The digests of the blobs whose upload these requests ended. */
export function uploadsAmong(requests: readonly SeenRequest[]): readonly string[] {
  const digests = requests.map(({ line }) => /^PUT .*[?&]digest=([^&]+)/.exec(line)?.[1])
  return digests.filter((digest) => digest !== undefined).map(decodeURIComponent)
}

/** nginx speaks to a unix socket; the peer listens on a port only, when it is to be asked directly too. */
async function joinToSocket(socketPath: string, port: number): Promise<AsyncDisposable> {
  rmSync(socketPath, { force: true })
  const server = createServer((from) => {
    const to = connect({ port, host: '127.0.0.1' })
    pipeline(from, to, from, () => undefined) // one end broken, the other is too
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return server
}
