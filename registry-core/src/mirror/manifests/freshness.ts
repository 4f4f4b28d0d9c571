import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { UpstreamSettings } from '../mirror-settings.js'

const FRESH_MS = 5 * 60_000
/** A registry next door is asked more often: it costs nothing, and what it has changes while people work on it. */
const FRESH_MS_NEXT_DOOR = 30_000

/** So far may the clocks of two processes be apart. */
const SKEW_MS = 60_000

/** How long a tag is served without asking; the repository as it is called upstream. @param isNextDoor its address is */
export function freshMsFor(
  { rules, otherwiseMs }: UpstreamSettings['freshFor'],
  isNextDoor: boolean,
  repository: RepositoryName,
  tag: Tag,
): number {
  const rule = rules.find((one) => one.repository.matches(repository) && one.tag.matches(tag))
  return rule?.ms ?? otherwiseMs ?? (isNextDoor ? FRESH_MS_NEXT_DOOR : FRESH_MS)
}

/** A time far in the future was written before the clock went back: it says nothing. */
export function isFresh(checkedAt: Date, now: Date, freshMs: number): boolean {
  const ageMs = now.getTime() - checkedAt.getTime()
  return ageMs < freshMs && ageMs > -Math.min(freshMs, SKEW_MS)
}
