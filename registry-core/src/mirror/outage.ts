import type { Digest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { type Reference, referenceText } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import { TROUBLES, type UpstreamFailure, type UpstreamTrouble } from './upstream/upstream-failure.js'

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
  const { notCached } = TROUBLES[failure.trouble]
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

/** The same where the upstream was not asked, to spare what it still gives (watched/rate-limit.ts). */
export function sparedSentence(host: string, checkedAt: Date | undefined): string {
  return `${host} is not asked, since it gives little more at the moment${lastChecked(checkedAt)}`
}

/** Nothing where nobody knows. */
function lastChecked(at: Date | undefined): string {
  return at === undefined ? '' : `; last checked ${at.toISOString()}`
}

/** Nothing of the failure's own sentence, which is for those who run this registry. */
function sentenceOf(trouble: UpstreamTrouble, host: string): string {
  return `${host} ${TROUBLES[trouble].says}`
}
