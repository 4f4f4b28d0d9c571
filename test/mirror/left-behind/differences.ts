import type { Seen } from './looking.js'
import {
  type Caller,
  type Held,
  isListed,
  isUpstreams,
  seesBlob,
  seesRevision,
  type Verdict,
} from './promise.js'
import { BLOBS, LAYERS, REVISIONS } from './story.js'

interface Looked {
  readonly found: Seen
  /** What the owner sees, and so is there. */
  readonly there: Seen
  /** Neither a missing right nor an unknown `ns` stands before the repository. */
  readonly isReached: boolean
  readonly mayPush: boolean
  readonly hasTarget: boolean
  readonly isCatalogWhole: boolean
}

/** Where one caller saw what was not promised, or did not see what was. */
export function differences(held: Held, caller: Caller, looked: Looked): readonly string[] {
  const { found, there, isReached, mayPush, isCatalogWhole } = looked
  const wrong: string[] = []
  const check = (what: string, verdict: Verdict, isSeen: boolean, mustBe: boolean): void => {
    if (verdict === 'no' && isSeen) wrong.push(`sees ${what}`)
    if (verdict === 'yes' && !isSeen && mustBe) wrong.push(`does not see ${what}`)
  }
  for (const one of REVISIONS) {
    const verdict = seesRevision(held, caller, one)
    for (const part of ['manifests', 'heads', 'tagged', 'listed', 'referrers'] as const)
      check(`${part} ${one}`, verdict, found[part].has(one), isReached && there[part].has(one))
  }
  // Whoever may push begins a repository that has no revision: HEAD says what is there.
  const isBegun = held.origins.size === 0 && isUpstreams(held) !== 'yes' && mayPush
  for (const one of BLOBS) {
    const verdict = seesBlob(held, caller, one)
    check(`blob ${one}`, verdict, found.blobs.has(one), isReached && there.blobs.has(one))
    const heads = isBegun && verdict === 'no' ? 'either' : verdict
    check(`HEAD of blob ${one}`, heads, found.blobHeads.has(one), isReached && there.blobHeads.has(one))
  }
  const mayMount = isReached && looked.hasTarget && isUpstreams(held) === 'no' && isCatalogWhole
  for (const one of LAYERS)
    check(
      `mount of ${one}`,
      seesBlob(held, caller, one),
      found.mounted.has(one),
      mayMount && there.blobs.has(one),
    )
  check('it in the catalog', isListed(held, caller), found.isInCatalog, isCatalogWhole && there.isInCatalog)
  return wrong
}
