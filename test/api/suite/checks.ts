import { baseChecks } from './base.js'
import { blobChecks } from './blobs.js'
import { catalogChecks } from './catalog.js'
import type { Check } from './check.js'
import { chunkChecks } from './chunks.js'
import { deleteChecks, refusedDeleteChecks } from './deletes.js'
import { framingChecks } from './framing.js'
import { grammarChecks } from './grammar.js'
import { limitChecks } from './limits.js'
import { manifestAttackChecks } from './manifest-attacks.js'
import { manifestKindChecks } from './manifest-kinds.js'
import { manifestPullChecks } from './manifests-pull.js'
import { manifestPushChecks } from './manifests-push.js'
import { mountChecks } from './mounts.js'
import { nameChecks } from './names.js'
import { plantedFileChecks } from './planted-files.js'
import { rangeChecks } from './ranges.js'
import { referrerChecks } from './referrers.js'
import { sha512Checks } from './sha512.js'
import { tagChecks } from './tags.js'
import { uploadChecks } from './uploads.js'

/** Checks of one noun. */
export interface Group {
  readonly noun: string
  readonly checks: readonly Check[]
}

/** What a registry must do that may delete. */
export const CHECKS_WITH_DELETES: readonly Group[] = [
  { noun: 'base', checks: baseChecks },
  { noun: 'names', checks: nameChecks },
  { noun: 'blobs', checks: blobChecks },
  { noun: 'ranges', checks: rangeChecks },
  { noun: 'uploads', checks: uploadChecks },
  { noun: 'chunks', checks: chunkChecks },
  { noun: 'mounts', checks: mountChecks },
  { noun: 'sha512', checks: sha512Checks },
  { noun: 'pulling manifests', checks: manifestPullChecks },
  { noun: 'pushing manifests', checks: manifestPushChecks },
  { noun: 'kinds of manifests', checks: manifestKindChecks },
  { noun: 'manifests made to hurt', checks: manifestAttackChecks },
  { noun: 'referrers', checks: referrerChecks },
  { noun: 'tags', checks: tagChecks },
  { noun: 'catalog', checks: catalogChecks },
  { noun: 'deletes', checks: deleteChecks },
  { noun: 'grammar', checks: grammarChecks },
  { noun: 'framing', checks: framingChecks },
  { noun: 'limits', checks: limitChecks },
  { noun: 'planted files', checks: plantedFileChecks },
]

/** What it must do where the configuration forbids deletes. */
export const CHECKS_WITHOUT_DELETES: readonly Group[] = [
  { noun: 'refused deletes', checks: refusedDeleteChecks },
]
