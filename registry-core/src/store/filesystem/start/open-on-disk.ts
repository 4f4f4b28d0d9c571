import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../../../system/clock.js'
import { openIdentity } from '../../../system/identity.js'
import type { Log } from '../../../system/log.js'
import type { Random } from '../../../system/random.js'
import { nodeFs } from '../../node-fs.js'
import { openStore, type OpenedStore } from '../open-store.js'
import { prepareRoot } from './prepare-root.js'

/** A store, and the folder that it lies in. */
export interface StoreOnDisk {
  readonly store: OpenedStore
  readonly root: string
  /** Closes it; one in memory is gone then. */
  close(): Promise<void>
}

/**
 * Opens the store of the configuration on this machine's file system; without a root it lies in memory.
 * @throws with a sentence, when its folder cannot be used
 */
export async function openStoreOnDisk(
  settings: {
    readonly root: string | undefined
    readonly id: string | undefined
    readonly reserveBytes: number | undefined
  },
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<StoreOnDisk> {
  const { id, reserveBytes } = settings
  await using parts = new AsyncDisposableStack()
  const root = settings.root ?? makeMemoryRoot(parts)
  prepareRoot(root, id)
  const store = await openStore({
    ...{ root, fs: nodeFs, clock, random, log, expectedId: id, reserveBytes },
    identity: openIdentity({ clock, random }),
    trySecondProcess,
  })
  log.info({ root, id: store.id }, store.isNew ? 'this folder is a store from now on' : 'the store is open')
  parts.defer(() => store.close())
  const opened = parts.move()
  return { store, root, close: () => opened.disposeAsync() }
}

/** Where Linux keeps files in memory; Docker gives a container 64 MiB of it, more with --shm-size. */
const MEMORY = '/dev/shm'

/** `storage.inmemory`: a folder that nobody else may look into. Where the system has none in memory it is a temporary one. */
function makeMemoryRoot(parts: AsyncDisposableStack): string {
  const root = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'entrepot-'))
  parts.defer(() => rmSync(root, { recursive: true, force: true }))
  return root
}

/** Run by the second process: it must see what the first wrote, and the first must see what it links. */
const SCRIPT = `
const fs = require('node:fs')
const [folder] = process.argv.slice(1)
if (fs.readFileSync(folder + '/a', 'utf8') !== 'a') process.exit(1)
fs.linkSync(folder + '/a', folder + '/second')
`

/** True when another process sees our files and we see its (not so on some network and overlay mounts). */
async function trySecondProcess(folder: string): Promise<boolean> {
  await promisify(execFile)(process.execPath, ['-e', SCRIPT, folder], { timeout: 10_000 })
  return nodeFs.statNow(`${folder}/second`) !== undefined
}
