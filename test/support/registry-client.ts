import { Readable } from 'node:stream'

import { Agent, type Dispatcher } from 'undici'

import { type Algorithm, type Content, type Descriptor, digestOf, type Image, MEDIA_TYPES } from './images.js'

export type Body = Uint8Array | string | AsyncIterable<Uint8Array>

export interface Call {
  readonly method: Dispatcher.HttpMethod
  /** The raw target as it goes over the wire, or an absolute URL of this registry: nothing is normalised. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** An iterable is sent in chunked transfer encoding, bytes with a Content-Length. */
  readonly body?: Body
}

/** What came back, whole. */
export interface Answer {
  readonly call: Call
  readonly status: number
  /** The first value of a header, by lower-case name. */
  header(name: string): string | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
  /** The body as JSON, checked by nobody yet. Throws when it is none. */
  json(): unknown
}

/** How a blob travels: one PUT after the POST, all in the POST, chunks, or a stream of unknown length. */
export type UploadStyle = 'post-put' | 'single-post' | 'chunks' | 'stream'

/** What docker and containerd accept; Distribution answers 404 for an index that nobody named. */
export const EVERY_MANIFEST_TYPE = [
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerList,
  '*/*',
].join(', ')

export interface RegistryClientOptions {
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Where to connect instead of the URL's host: a unix socket. */
  readonly socketPath?: string
  /** PEM: the authority to trust, and the certificate to show. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
}

/** A client of one registry that throws only when asked to do a whole thing (push, pull) and that fails. */
export class RegistryClient {
  readonly baseUrl: string
  readonly #agent: Agent
  readonly #headers: Readonly<Record<string, string>>

  constructor(baseUrl: string, { headers = {}, socketPath, tls }: RegistryClientOptions = {}) {
    this.baseUrl = baseUrl
    this.#headers = headers
    this.#agent = new Agent({
      allowH2: false,
      connect: { ...tls, ...(socketPath !== undefined && { socketPath }) },
    })
  }

  /** Ends its connections. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async send(call: Call): Promise<Answer> {
    const response = await this.#agent.request({
      origin: this.baseUrl,
      path: this.#target(call.target),
      method: call.method,
      headers: { ...this.#headers, ...mutable(call.headers) },
      body: asBody(call.body),
    })
    const body = Buffer.from(await response.body.arrayBuffer())
    const { headers } = response
    return {
      call,
      status: response.statusCode,
      headers,
      header(name) {
        const value = headers[name]
        return typeof value === 'string' ? value : value?.[0]
      },
      body,
      json: () => JSON.parse(body.toString()) as unknown,
    }
  }

  get(target: string, headers: Call['headers'] = {}): Promise<Answer> {
    return this.send({ method: 'GET', target, headers })
  }

  head(target: string, headers: Call['headers'] = {}): Promise<Answer> {
    return this.send({ method: 'HEAD', target, headers })
  }

  delete(target: string): Promise<Answer> {
    return this.send({ method: 'DELETE', target })
  }

  /** Without a body it says Content-Length: 0, as clients do. */
  post(target: string, body: Body = '', headers: Call['headers'] = {}): Promise<Answer> {
    return this.send({ method: 'POST', target, body, headers })
  }

  patch(target: string, body: Body, headers: Call['headers'] = {}): Promise<Answer> {
    return this.send({
      method: 'PATCH',
      target,
      body,
      headers: { 'content-type': 'application/octet-stream', ...headers },
    })
  }

  put(target: string, body: Body = '', headers: Call['headers'] = {}): Promise<Answer> {
    return this.send({ method: 'PUT', target, body, headers })
  }

  putManifest(repository: string, reference: string, manifest: Content, query = ''): Promise<Answer> {
    const headers = { 'content-type': manifest.descriptor.mediaType }
    return this.put(`/v2/${repository}/manifests/${reference}${query}`, manifest.bytes, headers)
  }

  /** The Location of a fresh upload session. */
  async startUpload(repository: string): Promise<string> {
    return locationOf(expectStatus(await this.post(`/v2/${repository}/blobs/uploads/`), 202))
  }

  /** Pushes bytes and answers their descriptor; throws unless the registry said 201. */
  async pushBlob(
    repository: string,
    content: Content | Uint8Array,
    { style = 'post-put', algorithm = 'sha256' }: { style?: UploadStyle; algorithm?: Algorithm } = {},
  ): Promise<Descriptor> {
    const bytes = content instanceof Uint8Array ? content : content.bytes
    const descriptor: Descriptor =
      content instanceof Uint8Array
        ? {
            mediaType: 'application/octet-stream',
            digest: digestOf(content, algorithm),
            size: content.length,
          }
        : content.descriptor
    expectStatus(await this.#upload(repository, bytes, descriptor.digest, style), 201)
    return descriptor
  }

  async #upload(repository: string, bytes: Uint8Array, digest: string, style: UploadStyle): Promise<Answer> {
    const octets = { 'content-type': 'application/octet-stream' }
    if (style === 'single-post') {
      const answer = await this.post(`/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes, octets)
      return answer.status === 202 ? this.put(withDigest(locationOf(answer), digest), bytes, octets) : answer
    }
    const location = await this.startUpload(repository)
    if (style === 'post-put') return this.put(withDigest(location, digest), bytes, octets)
    if (style === 'stream') {
      const answer = expectStatus(await this.patch(location, pieces(bytes, 16_384)), 202)
      return this.put(withDigest(locationOf(answer), digest))
    }
    return this.#uploadInChunks(location, bytes, digest)
  }

  async #uploadInChunks(start: string, bytes: Uint8Array, digest: string): Promise<Answer> {
    const chunkBytes = Math.max(1, Math.ceil(bytes.length / 3))
    let location = start
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      const chunk = bytes.subarray(from, from + chunkBytes)
      const headers = { 'content-range': `${from}-${from + chunk.length - 1}` }
      location = locationOf(expectStatus(await this.patch(location, chunk, headers), 202))
    }
    return this.put(withDigest(location, digest))
  }

  /** Pushes a manifest under a tag, or its own digest; throws unless the registry said 201. */
  async pushManifest(repository: string, manifest: Content, tag?: string): Promise<Descriptor> {
    const reference = tag ?? manifest.descriptor.digest
    expectStatus(await this.putManifest(repository, reference, manifest), 201)
    return manifest.descriptor
  }

  /** Pushes blobs, then the manifest. */
  async pushImage(repository: string, image: Image, tag?: string): Promise<Descriptor> {
    for (const blob of image.blobs) await this.pushBlob(repository, blob)
    return this.pushManifest(repository, image.manifest, tag)
  }

  /** Pulls a manifest by tag or digest; throws unless it came whole, and is what was asked for. */
  async pullManifest(repository: string, reference: string): Promise<Content> {
    const answer = expectStatus(
      await this.get(`/v2/${repository}/manifests/${reference}`, { accept: EVERY_MANIFEST_TYPE }),
      200,
    )
    const expected = reference.includes(':') ? reference : answer.header('docker-content-digest')
    return verified(answer, expected)
  }

  /** Pulls a blob; throws unless it came whole, and hashes to its digest. */
  async pullBlob(repository: string, digest: string): Promise<Buffer> {
    const answer = expectStatus(await this.get(`/v2/${repository}/blobs/${digest}`), 200)
    return verified(answer, digest).bytes
  }

  #target(target: string): string {
    return target.startsWith(`${this.baseUrl}/`) ? target.slice(this.baseUrl.length) : target
  }
}

/** The answer itself, or an error that says what was asked and what came. */
export function expectStatus(answer: Answer, ...allowed: readonly number[]): Answer {
  if (allowed.includes(answer.status)) return answer
  const { method, target } = answer.call
  const text = answer.body.subarray(0, 500).toString()
  throw new Error(`${method} ${target} answered ${answer.status}, not ${allowed.join(' or ')}: ${text}`)
}

export function locationOf(answer: Answer): string {
  const location = answer.header('location')
  if (location === undefined) throw new Error(`${answer.call.method} ${answer.call.target}: no Location`)
  return location
}

/** A Location without scheme and host, if it has them: path and query as they stand. */
export function pathOf(location: string): string {
  return location.replace(/^https?:\/\/[^/]+/, '')
}

/** An upload's Location, to which clients append the digest. */
export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
}

/** The same bytes as a stream of pieces, so that no Content-Length can be known. */
export async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes)
}

function verified(answer: Answer, expected: string | undefined): Content {
  const algorithm = expected?.startsWith('sha512:') === true ? 'sha512' : 'sha256'
  const digest = digestOf(answer.body, algorithm)
  if (digest !== expected)
    throw new Error(`${answer.call.target} answered bytes of ${digest}, not ${expected}`)
  const mediaType = answer.header('content-type') ?? ''
  return { bytes: answer.body, descriptor: { mediaType, digest, size: answer.body.length } }
}

function asBody(body: Body | undefined): Uint8Array | string | Readable | null {
  if (body === undefined) return null
  return typeof body === 'string' || body instanceof Uint8Array ? body : Readable.from(body)
}

function mutable(headers: Call['headers'] = {}): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}
