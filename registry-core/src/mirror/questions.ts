import type { Digest } from '../oci/digest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Clock } from '../system/clock.js'
import { LIMIT, Refusals, SHARE } from './refusals.js'
import {
  isUpstreamFailure,
  TROUBLES,
  UpstreamFailure,
  type UpstreamTrouble,
} from './upstream/upstream-failure.js'

/** What a manifest of this upstream names is asked for whatever else clients make up. */
const NAMED = 'what a manifest names'
/** What is cached already is asked about by those who pull it. */
const KNOWN = 'what is here'
/** The answers to a made-up digest; what a manifest names may be there and not be given, so the next one asks again. */
const NO_SUCH_BLOB: ReadonlySet<UpstreamTrouble> = new Set<UpstreamTrouble>([
  ...(['missing', 'unauthorized', 'denied'] as const),
])

/** Something that an upstream may not have. */
export interface Question {
  readonly kind: 'manifest' | 'blob' | 'tags' | 'referrers' | 'public'
  readonly repository: RepositoryName
  /** A tag or digest, where it is about one. */
  readonly about?: string
  /** The address of whoever asks; undefined: something that is here already. */
  readonly client: string | undefined
}

/**
 * What one upstream is asked of what is not here: nothing twice that it refused a moment ago, only so much of what it has
 * not, for each client and in all (attack row 61). What comes costs nobody anything of that.
 */
export class Questions {
  readonly #host: string
  readonly #isNamed: (digest: string) => boolean
  readonly #refusals: Refusals
  /** What is on its way, and for how many: it may be refused. */
  readonly #running = new Map<string, number>()
  /** So much of it each client asked for. */
  readonly #shares = new Map<string, number>()

  constructor(options: {
    readonly host: string
    readonly clock: Clock
    /** Whether a manifest that came from there names it. */
    readonly isNamed: (digest: string) => boolean
  }) {
    this.#host = options.host
    this.#isNamed = options.isNamed
    this.#refusals = new Refusals(options)
  }

  /** Why it is not asked now; undefined when it is. */
  find(question: Question): UpstreamFailure | undefined {
    const key = keyOf(question)
    const refused = this.#refusals.find(key)
    if (refused !== undefined) return refused
    const asker = this.#askerOf(question)
    if (asker === KNOWN || this.#running.has(key)) return undefined
    const isTooMuch = this.#refusals.countOf(asker) + (this.#shares.get(asker) ?? 0) >= SHARE
    const isFull = asker !== NAMED && this.#refusals.size >= LIMIT
    return isTooMuch || isFull ? tooManyNames(this.#host) : undefined
  }

  /** @throws UpstreamFailure what `find` answers; what `work` throws, which is remembered */
  async ask<T>(question: Question, work: () => Promise<T>): Promise<T> {
    const refused = this.find(question)
    if (refused !== undefined) throw refused
    const end = this.#begin(question)
    try {
      return await work()
    } catch (error) {
      if (isUpstreamFailure(error)) this.note(question, error)
      throw error
    } finally {
      end()
    }
  }

  /** However many ask the same, it counts once; what is named or here costs no client anything. */
  #begin(question: Question): () => void {
    const [key, asker] = [keyOf(question), this.#askerOf(question)]
    const isNew = change(this.#running, key, 1) === 1
    const counts = isNew && asker !== NAMED && asker !== KNOWN
    if (counts) change(this.#shares, asker, 1)
    return () => {
      change(this.#running, key, -1)
      if (counts) change(this.#shares, asker, -1)
    }
  }

  /** The upstream's answer, where it is one that stands for a moment. */
  note(question: Question, failure: UpstreamFailure): void {
    const { trouble } = failure
    const asker = this.#askerOf(question)
    const isNoBlob = asker === NAMED ? trouble === 'missing' : NO_SUCH_BLOB.has(trouble)
    const stands = question.kind === 'blob' ? isNoBlob : TROUBLES[trouble].isRemembered
    if (stands) this.#refusals.remember(keyOf(question), failure, asker)
  }

  /** It answered with nothing, which is no failure, and says as little. */
  noteEmpty(question: Question): void {
    const failure = new UpstreamFailure('missing', `${this.#host} has nothing of it`)
    this.#refusals.remember(keyOf(question), failure, this.#askerOf(question))
  }

  /** A manifest has come that names these: whatever was refused before, they can be there now. */
  noteNamed(repository: RepositoryName, digests: readonly Digest[]): void {
    for (const about of digests)
      for (const kind of ['manifest', 'blob'] as const)
        this.#refusals.forget(keyOf({ kind, repository, about, client: undefined }))
  }

  #askerOf({ about, client }: Question): string {
    if (client === undefined) return KNOWN
    return about !== undefined && this.#isNamed(about) ? NAMED : `client ${client}`
  }
}

/** Keeps nothing at zero. */
function change(counts: Map<string, number>, key: string, by: 1 | -1): number {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
  return count
}

function keyOf({ kind, repository, about = '' }: Question): string {
  return `${kind} ${repository} ${about}`
}

function tooManyNames(host: string): UpstreamFailure {
  return new UpstreamFailure('resting', `${host} was asked for too many names that it does not have`)
}
