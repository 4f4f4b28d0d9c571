import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { NamedContent } from './named-content.js'
import { LIMIT, Refusals, SHARE } from './refusals.js'
import { isUpstreamFailure, TROUBLES, UpstreamFailure } from '../upstream/upstream-failure.js'

/** Something that an upstream may not have. */
export interface Question {
  readonly kind: 'manifest' | 'blob' | 'tags' | 'referrers' | 'public'
  readonly repository: RepositoryName
  /** A tag or digest, where it is about one. */
  readonly about?: string
  /** The address of whoever asks; undefined: something that is here already. */
  readonly client: string | undefined
}

/** On whose account a question goes, and where it is remembered when it is refused. */
interface Asker {
  /**
   * Whoever pulls what is cached already (`known`) asks for nothing new. What a manifest names, its repository asks for
   * (`named`): what is missing of it stops that repository alone. Else it is a client's own question.
   */
  readonly kind: 'known' | 'named' | 'client'
  readonly name: string
  readonly refusals: Refusals
}

/**
 * What one upstream is asked of what is not here: nothing twice that it refused a moment ago, only so much of what it has
 * not, for each client and in all (attack row 61), and for each repository of what its manifests name. What comes costs
 * nobody anything of that.
 */
export class Questions {
  readonly #host: string
  readonly #named: Pick<NamedContent, 'isNamed'>
  readonly #refusals: Refusals
  /** Apart from those: neither what clients make up nor what manifests name takes the other's places. */
  readonly #refusalsOfNamed: Refusals
  /** What is on its way, and for how many: it may be refused. */
  readonly #running = new Map<string, number>()
  /** So much of it each client asked for. */
  readonly #shares = new Map<string, number>()

  constructor(options: {
    readonly host: string
    readonly clock: Clock
    readonly named: Pick<NamedContent, 'isNamed'>
  }) {
    this.#host = options.host
    this.#named = options.named
    this.#refusals = new Refusals(options)
    this.#refusalsOfNamed = new Refusals(options)
  }

  /** Why it is not asked now; undefined when it is. */
  find(question: Question): UpstreamFailure | undefined {
    const key = keyOf(question)
    const refused = this.#refusals.find(key) ?? this.#refusalsOfNamed.find(key)
    if (refused !== undefined) return refused
    const { kind, name, refusals } = this.#askerOf(question)
    if (kind === 'known' || this.#running.has(key)) return undefined
    const isTooMuch = refusals.countOf(name) + (this.#shares.get(name) ?? 0) >= SHARE
    // Repositories that have manifests are not made up: none stops another, where they are many the oldest refusal goes.
    const isFull = kind === 'client' && refusals.size >= LIMIT
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
    const [key, { kind, name }] = [keyOf(question), this.#askerOf(question)]
    const isNew = change(this.#running, key, 1) === 1
    const counts = isNew && kind === 'client'
    if (counts) change(this.#shares, name, 1)
    return () => {
      change(this.#running, key, -1)
      if (counts) change(this.#shares, name, -1)
    }
  }

  /** The upstream's answer, where it is one that stands for a moment. */
  note(question: Question, failure: UpstreamFailure): void {
    const { trouble } = failure
    const { kind, name, refusals } = this.#askerOf(question)
    // What a manifest names may be there and not be given, so the next one asks again.
    const isNoBlob = kind === 'named' ? trouble === 'missing' : TROUBLES[trouble].isRefusal
    const stands = question.kind === 'blob' ? isNoBlob : TROUBLES[trouble].isRemembered
    if (stands) refusals.remember(keyOf(question), failure, name)
  }

  /** It answered with nothing, which is no failure, and says as little. */
  noteEmpty(question: Question): void {
    const failure = new UpstreamFailure('missing', `${this.#host} has nothing of it`)
    const { name, refusals } = this.#askerOf(question)
    refusals.remember(keyOf(question), failure, name)
  }

  /** A manifest has come that names these: whatever was refused before, they can be there now. */
  noteNamed(repository: RepositoryName, digests: readonly Digest[]): void {
    for (const about of digests)
      for (const kind of ['manifest', 'blob'] as const) {
        const key = keyOf({ kind, repository, about, client: undefined })
        this.#refusals.forget(key)
        this.#refusalsOfNamed.forget(key)
      }
  }

  #askerOf({ kind, repository, about, client }: Question): Asker {
    const refusals = this.#refusals
    if (client === undefined) return { kind: 'known', name: 'what is here', refusals }
    const isNamed =
      (kind === 'manifest' || kind === 'blob') &&
      about !== undefined &&
      this.#named.isNamed(repository, kind, about)
    return isNamed
      ? { kind: 'named', name: repository, refusals: this.#refusalsOfNamed }
      : { kind: 'client', name: `client ${client}`, refusals }
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
