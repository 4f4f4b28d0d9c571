import type { Digest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { type Reference, referenceText } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { UpstreamFailure, UpstreamTrouble } from './upstream/upstream-failure.js'

/** What follows from one trouble with an upstream. What is cached is served whatever it is, with a `Warning`. */
export interface Outage {
  /** What people read; the upstream's name stands before it. */
  readonly says: string
  /** For what is not cached. Never 429: clients would wait for minutes, or try again and again (clients.md §7). */
  readonly notCached: 404 | 'whenMissing'
  /**
   * `counts`: twice in a row, and the upstream is left alone for a while; `with-retry-after`: only when it says for how
   * long. `answers`: it is up, whatever it said. `neutral`: that says nothing of it.
   */
  readonly breaker: 'counts' | 'with-retry-after' | 'answers' | 'neutral'
  /** The same question is not asked again for some seconds (refusals.ts). */
  readonly isRemembered: boolean
  /** Of something that is cached it is noted that the upstream has it no more; nothing is ever deleted for it. */
  readonly isGone: boolean
}

const DOWN = { notCached: 'whenMissing', breaker: 'counts', isRemembered: false, isGone: false } as const
const REFUSES = { notCached: 'whenMissing', breaker: 'answers', isRemembered: true, isGone: false } as const

/** The only table of what an outage means; docs/reference/upstream-outages.md shows it. */
export const OUTAGES: { readonly [T in UpstreamTrouble]: Outage } = {
  dns: { ...DOWN, says: 'has no address, or the resolver does not answer' },
  unreachable: { ...DOWN, says: 'cannot be reached' },
  'forbidden-address': { ...REFUSES, says: 'has an address that may not be dialled', breaker: 'neutral' },
  tls: { ...DOWN, says: 'has no certificate that is trusted here, or the handshake failed' },
  timeout: { ...DOWN, says: 'does not answer in time' },
  unauthorized: { ...REFUSES, says: 'wants other credentials than we have, or has no such repository' },
  denied: { ...REFUSES, says: 'forbids it' },
  missing: { ...REFUSES, says: 'has no such thing', notCached: 404, isGone: true },
  'rate-limited': { ...REFUSES, says: 'has had too many requests from here', breaker: 'with-retry-after' },
  failing: { ...DOWN, says: 'answers with an error' },
  redirect: { ...REFUSES, says: 'sends us where we do not go' },
  cut: { ...REFUSES, says: 'broke off in the middle', isRemembered: false },
  resting: {
    ...DOWN,
    says: 'is not asked at the moment, since it failed or had too many requests lately',
    breaker: 'neutral',
  },
  closing: {
    ...DOWN,
    says: 'is not asked any more, since this registry stops or has other settings now',
    breaker: 'neutral',
  },
  'given-up': { ...DOWN, says: 'was asked for it until nobody waited any more', breaker: 'neutral' },
  'wrong-content': { ...REFUSES, says: 'sent something else than what was asked for' },
}

/** What a client wanted of an upstream. */
export type Wanted =
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'repository'; readonly repository: RepositoryName }

/** What a client is answered who wanted something that is not cached. */
export function failureWithoutCopy(
  failure: UpstreamFailure,
  host: string,
  wanted: Wanted,
  whenMissing: 404 | 503,
): RegistryError {
  const { notCached } = OUTAGES[failure.trouble]
  const why = sentenceOf(failure.trouble, host)
  const cause = { cause: failure }
  if (notCached !== 404 && whenMissing === 503)
    return new RegistryError('upstream-unavailable', { why }, cause)
  const { repository } = wanted
  switch (wanted.kind) {
    case 'manifest': {
      const reference = referenceText(wanted.reference)
      return new RegistryError('manifest-unknown', { reference, repository, why }, cause)
    }
    case 'blob':
      return new RegistryError('blob-unknown', { digest: wanted.digest, repository, why }, cause)
    case 'repository':
      return new RegistryError('name-unknown', { name: repository, why }, cause)
  }
}

/** The sentence of `Warning` for what is served although the upstream could not confirm it. */
export function staleSentence(trouble: UpstreamTrouble, host: string, checkedAt?: Date): string {
  return `${sentenceOf(trouble, host)}${lastChecked(checkedAt)}`
}

/** The same where the upstream was not asked, to spare what it still gives (rate-limit.ts). */
export function sparedSentence(host: string, checkedAt: Date | undefined): string {
  return `${host} is not asked, since it gives little more at the moment${lastChecked(checkedAt)}`
}

/** Nothing where nobody knows. */
function lastChecked(at: Date | undefined): string {
  return at === undefined ? '' : `; last checked ${at.toISOString()}`
}

/** Nothing of the failure's own sentence, which is for those who run this registry. */
function sentenceOf(trouble: UpstreamTrouble, host: string): string {
  return `${host} ${OUTAGES[trouble].says}`
}
