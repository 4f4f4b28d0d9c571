import type { EntityManager } from 'typeorm'
import { z } from 'zod'

import { SettingEntity } from './setting.entity.js'

/** What became of the tries since the last certificate came into force; no part of what is meant. */
export const acmeState = z.strictObject({
  failures: z.int().min(0),
  reason: z.string().nullable(),
  triedAt: z.string().nullable(),
  nextTryAt: z.string().nullable(),
  terms: z.string().nullable(),
})
export type AcmeState = z.output<typeof acmeState>

/** Its row among the settings. */
export const ACME_STATE = 'acme-state'
const FRESH: AcmeState = { failures: 0, reason: null, triedAt: null, nextTryAt: null, terms: null }

/** As far as it is known: fresh when nothing is. */
export async function readAcmeState(manager: EntityManager): Promise<AcmeState> {
  const row = await manager.findOneBy(SettingEntity, { name: ACME_STATE })
  return acmeState.safeParse(row?.value).data ?? FRESH
}

/** Nothing has been tried yet; the terms are as they were unless some are given. */
export async function resetAcmeState(manager: EntityManager, terms?: string | null): Promise<void> {
  const before = await readAcmeState(manager)
  await writeAcmeState(manager, { ...FRESH, terms: terms === undefined ? before.terms : terms })
}

export async function writeAcmeState(manager: EntityManager, value: AcmeState): Promise<void> {
  await manager.save(SettingEntity, { name: ACME_STATE, value, version: 1 })
}

const FIRST_PAUSE_MS = 5 * 60_000
const LONGEST_PAUSE_MS = 12 * 60 * 60_000

/** How long after so many failures: five in the first hour is what large authorities take (they count, per name). */
export function pauseAfterMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20), LONGEST_PAUSE_MS)
}
