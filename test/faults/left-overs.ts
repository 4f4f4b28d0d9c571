import { readdirSync } from 'node:fs'
import path from 'node:path'

import { purgeStaleUploads, removeLeftovers } from '#core/housekeeping/jobs.js'
import { openStore } from '#core/store/filesystem/open-store.js'
import { nodeFs } from '#core/store/node-fs.js'
import { type Clock, systemClock } from '#core/system/clock.js'
import { openIdentity } from '#core/system/identity.js'
import { systemRandom } from '#core/system/random.js'

const DAY_MS = 86_400_000
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** What unfinished work has left in a store: temporary files and upload sessions, by name. */
export function leftOvers(root: string): readonly string[] {
  return ['tmp', 'uploads'].flatMap((folder) =>
    readdirSync(path.join(root, 'entrepot', folder)).map((name) => `${folder}/${name}`),
  )
}

/** Runs the core's own jobs over a store that nobody serves, as if eight days had gone by. */
export async function purgeAsLater(root: string): Promise<void> {
  const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + 8 * DAY_MS) }
  const store = await openStore({
    ...{ root, fs: nodeFs, clock, random: systemRandom, log: SILENT },
    identity: openIdentity({ clock, random: systemRandom }),
    trySecondProcess: () => Promise.resolve(true),
  })
  const { signal } = new AbortController()
  await purgeStaleUploads(store.stages, clock, {
    isDryRun: false,
    ageMs: 7 * DAY_MS,
    intervalMs: DAY_MS,
  }).run(signal)
  await removeLeftovers(store, clock).run(signal)
  await store.close()
}
