import { openStore, type OpenedStore, type StoreOptions } from '#core/store/filesystem/open-store.js'
import { nodeFs } from '#core/store/node-fs.js'
import { systemClock as clock } from '#core/system/clock.js'
import { openIdentity } from '#core/system/identity.js'
import { systemRandom as random } from '#core/system/random.js'

import { silentLog } from './simulated-store.js'

/** Opens the store in a folder of this machine, each time as another process would: with sessions of its own. */
export function openFolder(root: string, other: Partial<StoreOptions> = {}): Promise<OpenedStore> {
  return openStore({
    ...{ root, fs: nodeFs, clock, random, identity: openIdentity({ clock, random }), log: silentLog },
    trySecondProcess: () => Promise.resolve(true),
    ...other,
  })
}
