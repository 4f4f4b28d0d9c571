import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { GrowingContent } from '../../registry/source.js'
import type { Content, Links, Store, StoredContent } from '../../store/store.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { Reader } from './arrivals.js'
import { Download } from './download.js'
import type { MirroredName } from '../mirrored-name.js'
import { Ring } from './ring.js'
import { untilAborted } from '../until-aborted.js'
import type { Upstream } from '../upstream/upstream.js'
import { UpstreamFailure } from '../upstream/upstream-failure.js'

/** One download per upstream and digest, and any number of readers (design §5). */
export interface Downloads {
  /**
   * The bytes of a blob as they come: starts the download, or joins the running one. Answers with the
   * upstream's headers, which say its size where the upstream does. Once it is whole and verified it is committed and linked in each repository that asked for it.
   * The caller knows that the blob belongs to the repository, and reads at once: what nobody reads is given up.
   * @throws UpstreamFailure when the upstream does not give it
   */
  join(upstream: Upstream, name: MirroredName, digest: Digest, signal: AbortSignal): Promise<GrowingContent>
  /** For which repositories of the store a download of it runs. */
  fetchedFor(upstream: Upstream, digest: Digest): ReadonlySet<RepositoryName> | undefined
  /** Answers when those that run now for an upstream have ended. */
  untilEnded(host: string): Promise<void>
  /** Stops what runs; what has come is kept for the next process. */
  close(): Promise<void>
}

/** Recent bytes of all downloads of the process. */
const RING_BYTES = 64 * 1024 * 1024
/** Who has joined and does not read is waited for this long. */
const JOINED_MS = 30_000

interface Options {
  readonly store: Pick<Store, 'partials' | 'content' | 'links'>
  readonly clock: Clock
  readonly log: Log
  readonly ringBytes?: number
}

/** A download that can be joined. */
interface Running {
  readonly download: Download
  /** Who asked for it, and is not linked yet. */
  readonly repositories: Set<RepositoryName>
}

/** Opens what fetches blobs. */
export function openDownloads(options: Options): Downloads {
  return new SharedDownloads(options)
}

class SharedDownloads implements Downloads {
  readonly #options: Options
  readonly #ring: Ring
  readonly #running = new Map<string, Running>()
  /** Also those that nobody can join any more. */
  readonly #all = new Map<string, Set<Download>>()
  #isClosed = false

  constructor(options: Options) {
    this.#options = options
    this.#ring = new Ring(options.ringBytes ?? RING_BYTES)
  }

  async join(
    upstream: Upstream,
    name: MirroredName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<GrowingContent> {
    const { content } = this.#options.store
    const key = keyOf(upstream, digest)
    if (!this.#running.has(key)) {
      // Whoever asked before the last download had ended.
      const stored = await content.look('layer', name.stored, digest)
      if (stored !== undefined) return storedContent(content, stored)
    }
    signal.throwIfAborted()
    const download = this.#find(upstream, name, digest, key)
    const reader = download.arrivals.hold(0)
    try {
      await untilAborted(download.headers, signal)
    } catch (error) {
      download.arrivals.release(reader)
      throw error
    }
    return this.#growing(download, reader, { upstream, name, digest, signal })
  }

  /** The running one, unless its beginning has gone by. */
  #find(upstream: Upstream, name: MirroredName, digest: Digest, key: string): Download {
    const running = this.#running.get(key)
    if (running?.download.arrivals.hasFrom(0) === true) {
      running.repositories.add(name.stored)
      return running.download
    }
    if (this.#isClosed) throw new UpstreamFailure('closing', 'the mirror is being closed')
    return this.#start(upstream, name, digest, key)
  }

  #start(upstream: Upstream, name: MirroredName, digest: Digest, key: string): Download {
    const { store, clock, log } = this.#options
    const repositories = new Set([name.stored])
    const others = this.#all.get(key) ?? new Set()
    this.#all.set(key, others)
    const closing = (): void => {
      if (this.#running.get(key)?.repositories === repositories) this.#running.delete(key)
    }
    const after = Promise.all([...others].filter(({ isEnding }) => isEnding).map(({ settled }) => settled))
    const download = new Download(upstream, name.remote, digest, {
      partials: store.partials,
      ring: this.#ring,
      clock,
      log,
      after: after.then(() => undefined),
      publish: async () => {
        await link(store, repositories, digest)
        closing() // at once: who joins from here on finds it in the store
      },
      closing,
    })
    this.#running.set(key, { download, repositories })
    others.add(download)
    void download.ended.then(() => {
      others.delete(download)
      if (others.size === 0) this.#all.delete(key)
    })
    return download
  }

  #growing(
    download: Download,
    joined: Reader,
    asked: { upstream: Upstream; name: MirroredName; digest: Digest; signal: AbortSignal },
  ): GrowingContent {
    const { arrivals } = download
    const release = (): void => {
      forget()
      asked.signal.removeEventListener('abort', release)
      arrivals.release(joined)
    }
    const forget = this.#options.clock.after(JOINED_MS, release)
    asked.signal.addEventListener('abort', release, { once: true })
    return {
      repository: asked.name.stored,
      digest: asked.digest,
      sizeBytes: arrivals.sizeBytes,
      read: (first, last, signal) => this.#read(download, release, asked, { first, last, signal }),
      isOwn: (piece) => arrivals.isOwn(piece),
    }
  }

  async *#read(
    { arrivals }: Download,
    release: () => void,
    { upstream, name, digest }: { upstream: Upstream; name: MirroredName; digest: Digest },
    { first, last, signal }: { first: number; last: number | undefined; signal: AbortSignal },
  ): AsyncGenerator<Buffer> {
    if (arrivals.hasFrom(first)) {
      const reader = arrivals.hold(first)
      release()
      yield* arrivals.read(reader, last, signal)
      return
    }
    // Without a file, whoever needs what all others have taken already needs a download of its own.
    release()
    const content = await this.join(upstream, name, digest, signal)
    yield* content.read(first, last, signal)
  }

  fetchedFor(upstream: Upstream, digest: Digest): ReadonlySet<RepositoryName> | undefined {
    return this.#running.get(keyOf(upstream, digest))?.repositories
  }

  async untilEnded(host: string): Promise<void> {
    const ofHost = [...this.#all].filter(([key]) => key.startsWith(`${host} `))
    await Promise.all(ofHost.flatMap(([, downloads]) => [...downloads].map(({ settled }) => settled)))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#all.values()].flatMap((downloads) => [...downloads])
    for (const download of all) download.stop(new UpstreamFailure('closing', 'the mirror is being closed'))
    await Promise.all(all.map(({ settled }) => settled))
  }
}

function keyOf({ host }: Upstream, digest: Digest): string {
  return `${host} ${digest}`
}

/** gc-protocol §4: linked, then looked at, wherever it was asked for, also by those who come while we do it. */
async function link(
  { links, content }: { readonly links: Links; readonly content: Content },
  repositories: ReadonlySet<RepositoryName>,
  digest: Digest,
): Promise<void> {
  for (const repository of repositories) {
    await links.publishLayer(repository, digest, digest)
    await content.look('layer', repository, digest)
  }
}

function storedContent(content: Content, stored: StoredContent): GrowingContent {
  const { repository, digest, sizeBytes } = stored
  return {
    repository,
    digest,
    sizeBytes,
    read: (first, last, signal) =>
      content.read(stored, first, Math.min(last ?? sizeBytes - 1, sizeBytes - 1), signal),
    isOwn: () => true,
  }
}
