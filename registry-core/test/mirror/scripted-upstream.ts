import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { FetchedBlob, FetchedManifest, Upstream } from '#core/mirror/upstream/upstream.js'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { type Reference, referenceText } from '#core/oci/reference.js'
import type { RepositoryName } from '#core/oci/repository.js'

/** An upstream that does what a test says, and writes down what it was asked. */
export class ScriptedUpstream implements Upstream {
  readonly host = 'docker.io'
  /** `GET library/alpine latest`, one a request. */
  readonly asked: string[] = []
  /** Whether its repositories are public. */
  isOpen = true
  /** The most requests that ran at once. */
  most = 0
  #running = 0
  readonly #manifests = new Map<string, FetchedManifest>()
  #failure: UpstreamFailure | undefined
  #isHanging = false
  #waiting: readonly (() => void)[] = []

  /** From here on; under its digest too. New requests neither fail nor hang any more. */
  has(tag: string, manifest: FetchedManifest): void {
    this.fails(undefined)
    this.#manifests.set(tag, manifest)
    this.#manifests.set(manifest.digest, manifest)
  }

  /** From here on, those that hang too when it goes on; new requests do not hang any more. */
  fails(failure: UpstreamFailure | undefined): void {
    this.#failure = failure
    this.#isHanging = false
  }

  /** Answers something else when it is asked for this. */
  lies(reference: string, manifest: FetchedManifest): void {
    this.#manifests.set(reference, manifest)
  }

  forgets(reference: string): void {
    this.#manifests.delete(reference)
  }

  /** Requests wait until it goes on. */
  hangs(): void {
    this.#isHanging = true
  }

  goesOn(): void {
    this.#isHanging = false
    for (const go of this.#waiting) go()
    this.#waiting = []
  }

  async resolve(repository: RepositoryName, reference: Reference, signal: AbortSignal): Promise<Digest> {
    return (await this.#find('HEAD', repository, reference, signal)).digest
  }

  manifest(repository: RepositoryName, reference: Reference, signal: AbortSignal): Promise<FetchedManifest> {
    return this.#find('GET', repository, reference, signal)
  }

  async #find(
    method: string,
    repository: RepositoryName,
    reference: Reference,
    signal: AbortSignal,
  ): Promise<FetchedManifest> {
    await this.#take(`${method} ${repository} ${referenceText(reference)}`, signal)
    const found = this.#manifests.get(referenceText(reference))
    if (found === undefined)
      throw new UpstreamFailure('missing', 'there is no such manifest', { status: 404 })
    return found
  }

  async #take(line: string, signal: AbortSignal): Promise<void> {
    this.asked.push(line)
    this.#running += 1
    this.most = Math.max(this.most, this.#running)
    try {
      if (this.#isHanging) await this.#wait(signal)
    } finally {
      this.#running -= 1
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#waiting = [...this.#waiting, resolve]
    })
  }

  async describeBlob(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number }> {
    await this.#take(`HEAD ${repository} ${digest}`, signal)
    return { sizeBytes: 3 }
  }

  async blob(
    repository: RepositoryName,
    digest: Digest,
    first: number,
    signal: AbortSignal,
  ): Promise<FetchedBlob> {
    await this.#take(`GET ${repository} ${digest}`, signal)
    return { sizeBytes: 3, first, body: pieces([Buffer.from('a'), Buffer.from('bc')]) }
  }

  async tags(
    repository: RepositoryName,
    _page: object,
    signal: AbortSignal,
  ): Promise<{ readonly tags: readonly string[]; readonly more: boolean }> {
    await this.#take(`TAGS ${repository}`, signal)
    return { tags: [], more: false }
  }

  async referrers(
    repository: RepositoryName,
    subject: Digest,
    signal: AbortSignal,
  ): Promise<readonly never[]> {
    await this.#take(`REFERRERS ${repository} ${subject}`, signal)
    return []
  }

  async isPublic(repository: RepositoryName, signal: AbortSignal): Promise<boolean> {
    await this.#take(`PUBLIC ${repository}`, signal)
    return this.isOpen
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

async function* pieces(list: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* list
}

/** A manifest as an upstream gives it, whatever the text is. */
export function fetched(text: string, mediaType = OCI_MANIFEST): FetchedManifest {
  const bytes = Buffer.from(text)
  return { digest: digestOfBytes('sha256', bytes), mediaType, bytes, etag: undefined }
}
