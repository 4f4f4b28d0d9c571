import { chmod, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'
import type { Random } from '../../system/random.js'
import { syncFolder } from '../../system/sync-folder.js'

/** File systems without hard links say so in different ways. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** A file as it is to be. */
interface NewFile {
  readonly file: string
  readonly text: string
  /** Exactly these rights, whatever the umask. */
  readonly mode: number
  readonly random: Random
}

/**
 * Makes a file whole or not at all, and there after a power cut. Of two that make one, the first wins.
 * Answers whether this call made it; what was there already stays as it is.
 */
export async function createDurably({ file, text, mode, random }: NewFile): Promise<boolean> {
  const temporary = `${file}.${random.bytes(8).toString('hex')}.new`
  try {
    await writeSynced(temporary, text, mode)
    const isNew = await takeName(temporary, file)
    await syncFolder(path.dirname(file))
    return isNew
  } finally {
    await rm(temporary, { force: true })
  }
}

/** The same in the place of what is there. */
export async function replaceDurably({ file, text, mode, random }: NewFile): Promise<void> {
  const temporary = `${file}.${random.bytes(8).toString('hex')}.new`
  try {
    await writeSynced(temporary, text, mode)
    await rename(temporary, file)
    await syncFolder(path.dirname(file))
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Makes a folder and those above it, all of them there after a power cut; `mode` is that of the last one. */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o755 })
  await chmod(folder, mode)
  if (first === undefined) return
  for (let made = folder; made !== path.dirname(first); made = path.dirname(made))
    await syncFolder(path.dirname(made))
}

async function writeSynced(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode)
  try {
    await handle.chmod(mode)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function takeName(temporary: string, file: string): Promise<boolean> {
  try {
    await link(temporary, file)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return false
    if (code === undefined || !NO_LINKS.has(code)) throw error
    if (await isThere(file)) return false
    await rename(temporary, file)
    return true
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
