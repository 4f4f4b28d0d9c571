import { Client } from 'undici'

import { ProductError } from '../http/product-error.js'

const ANSWER_MS = 10_000
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** A repository of registry-core, asked and written as a client of this machine does it: by the socket where all may push. */
export class CoreImages {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /** Whether there is one under this tag. @throws ProductError `core-unavailable` */
  async has(repository: string, reference: string): Promise<boolean> {
    const status = await this.#send('HEAD', `/v2/${repository}/manifests/${reference}`, { accept: MANIFESTS })
    if (status !== 200 && status !== 404) throw unavailable(`HEAD of ${repository}:${reference}: ${status}`)
    return status === 200
  }

  /** @throws ProductError `core-unavailable` when it is not taken */
  async putBlob(repository: string, { digest, bytes }: { digest: string; bytes: Buffer }): Promise<void> {
    const type = { 'content-type': 'application/octet-stream' }
    const target = `/v2/${repository}/blobs/uploads/?digest=${encodeURIComponent(digest)}`
    expectCreated(await this.#send('POST', target, type, bytes), digest)
  }

  /** @throws ProductError `core-unavailable` when it is not taken */
  async putManifest(
    repository: string,
    reference: string,
    { mediaType, bytes }: { mediaType: string; bytes: Buffer },
  ): Promise<void> {
    const target = `/v2/${repository}/manifests/${reference}`
    expectCreated(await this.#send('PUT', target, { 'content-type': mediaType }, bytes), reference)
  }

  async #send(
    method: 'HEAD' | 'POST' | 'PUT',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: Buffer,
  ): Promise<number> {
    const client = new Client('http://core', { socketPath: this.#socket, headersTimeout: ANSWER_MS })
    try {
      const answer = await client.request({
        ...{ method, path, bodyTimeout: ANSWER_MS },
        headers: { ...headers, 'x-entrepot-view': 'registry' }, // what nginx says for its listeners
        ...(body !== undefined && { body }),
      })
      await answer.body.dump()
      return answer.statusCode
    } catch (error) {
      throw unavailable(Error.isError(error) ? error.message : String(error), error)
    } finally {
      await client.close()
    }
  }
}

function expectCreated(status: number, what: string): void {
  if (status !== 201) throw unavailable(`${what} was answered with ${status}`)
}

function unavailable(cause: string, error?: unknown): ProductError {
  return new ProductError('core-unavailable', { cause }, { cause: error })
}
