import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Linux keeps files in memory; Docker gives a container 64 MiB of it, more with --shm-size. */
const MEMORY = '/dev/shm'

/** A folder for a store that lives as long as the process; nobody else may look into it. */
export interface MemoryRoot {
  readonly root: string
  remove(): void
}

/** `storage.inmemory`. Where the system has no folder in memory it lies among the temporary files. */
export function makeMemoryRoot(): MemoryRoot {
  const root = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'entrepot-'))
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) }
}
