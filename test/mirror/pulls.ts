import { digestOf, type Image } from '../support/images.js'
import {
  type Answer,
  EVERY_MANIFEST_TYPE,
  expectStatus,
  type RegistryClient,
} from '../support/registry-client.js'

/** What the answers of one pull said of themselves. */
export interface Pull {
  /** The words of X-Cache, the manifest's first. */
  readonly cache: readonly string[]
  readonly origin: string
  /** Of the manifest, where there was one. */
  readonly warning: string | undefined
  /** How long the manifest took. */
  readonly manifestMs: number
}

export interface PullOptions {
  /** As in `?ns=quay.io`. */
  readonly query?: string
}

/** Asks for a manifest as clients do, with every type they know. */
export function getManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { query = '' }: PullOptions = {},
): Promise<Answer> {
  return client.get(`/v2/${repository}/manifests/${reference}${query}`, { accept: EVERY_MANIFEST_TYPE })
}

/** Pulls an image with all its blobs; throws unless each came whole and is what it should be. */
export async function pullImage(
  client: RegistryClient,
  [repository, reference]: readonly [repository: string, reference: string],
  image: Image,
  options: PullOptions = {},
): Promise<Pull> {
  const start = performance.now()
  const manifest = expectStatus(await getManifest(client, repository, reference, options), 200)
  const manifestMs = performance.now() - start
  sameBytes(manifest, image.manifest.descriptor.digest)
  const blobs: Answer[] = []
  for (const { descriptor } of image.blobs) {
    const target = `/v2/${repository}/blobs/${descriptor.digest}${options.query ?? ''}`
    const blob = expectStatus(await client.get(target), 200)
    sameBytes(blob, descriptor.digest)
    blobs.push(blob)
  }
  return {
    cache: [manifest, ...blobs].map((answer) => answer.header('x-cache') ?? ''),
    origin: manifest.header('x-entrepot-origin') ?? '',
    warning: manifest.header('warning'),
    manifestMs,
  }
}

function sameBytes({ body, call, status }: Answer, digest: string): void {
  const found = digestOf(body)
  if (found !== digest) throw new Error(`${call.target} (${status}) gave bytes of ${found}, not of ${digest}`)
}

/** The code and the sentence of an error in OCI's words. */
export function errorOf(answer: Answer): { readonly code: string; readonly message: string } {
  const { errors } = answer.json() as {
    readonly errors: readonly { readonly code: string; readonly message: string }[]
  }
  return errors[0] ?? { code: '', message: '' }
}
