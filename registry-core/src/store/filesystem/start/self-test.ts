import { errorCode, type Fs } from '../../fs.js'
import type { Keys } from '../../keys.js'
import { removeTree } from '../remove-tree.js'

/** What says nothing about a file system but that it takes no new files now. */
const UNTRIED: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])

/**
 * What the protocol asks of a file system (gc-protocol §9, R9), tried at each start in `entrepot/tmp`. Answers what it
 * cannot do; undefined when there is no room to try it, or it is mounted read-only.
 */
export async function testFileSystem(
  { fs, keys, name }: { fs: Fs; keys: Keys; name: string },
  secondProcess: (folder: string) => Promise<boolean>,
): Promise<readonly string[] | undefined> {
  const folder = `${keys.temporary}/${name}`
  const faults: string[] = []
  let canTry = true
  const expect = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    try {
      if (!(await holds())) faults.push(what)
    } catch (error) {
      const code = errorCode(error)
      if (code !== undefined && UNTRIED.has(code)) canTry = false
      else faults.push(`${what} (${code ?? String(error)})`)
    }
  }
  await expect('a folder cannot be made', () => fs.makeDirectory(folder))
  if (!canTry) return undefined
  await expect('a file cannot be written and synced', () => canSync(fs, folder))
  await expect('link replaces files', () => linkKeeps(fs, folder))
  await expect('rename does not replace files', () => renameReplaces(fs, folder))
  await expect('times cannot be set', () => timesHold(fs, folder))
  await expect('a folder with a file can be removed', () => fullFolderStays(fs, folder))
  await expect('docker/ and entrepot/ lie on two mounts', async () => sharesMount(fs, keys))
  await expect('a second process does not see the same files', () => secondProcess(folder))
  await removeTree(fs, folder)
  return canTry ? faults : undefined
}

async function write(fs: Fs, path: string, text: string): Promise<void> {
  const file = await fs.create(path)
  try {
    await file.write([Buffer.from(text)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function canSync(fs: Fs, folder: string): Promise<boolean> {
  await write(fs, `${folder}/a`, 'a')
  await write(fs, `${folder}/b`, 'b')
  await fs.syncDirectory(folder)
  return true
}

async function linkKeeps(fs: Fs, folder: string): Promise<boolean> {
  const outcomes = [await fs.link(`${folder}/a`, `${folder}/b`), await fs.link(`${folder}/a`, `${folder}/c`)]
  return outcomes.join() === 'exists,linked' && fs.readNow(`${folder}/b`, 16)?.toString() === 'b'
}

async function renameReplaces(fs: Fs, folder: string): Promise<boolean> {
  await write(fs, `${folder}/d`, 'd')
  await fs.rename(`${folder}/d`, `${folder}/b`)
  return fs.readNow(`${folder}/b`, 16)?.toString() === 'd' && fs.statNow(`${folder}/d`) === undefined
}

async function timesHold(fs: Fs, folder: string): Promise<boolean> {
  const time = new Date(1_600_000_000_000)
  return fs.touchNow(`${folder}/a`, time) && fs.statNow(`${folder}/a`)?.mtimeMs === time.getTime()
}

async function fullFolderStays(fs: Fs, folder: string): Promise<boolean> {
  await fs.makeDirectory(`${folder}/full`)
  await fs.rename(`${folder}/b`, `${folder}/full/b`)
  const isKept = (await fs.removeDirectory(`${folder}/full`)) === 'not-empty'
  await fs.unlink(`${folder}/full/b`)
  return isKept && (await fs.removeDirectory(`${folder}/full`)) === 'removed'
}

function sharesMount(fs: Fs, keys: Keys): boolean {
  const devices = [keys.root, keys.own, `${keys.root}/docker`, keys.blobs, keys.repositories].map(
    (path) => fs.statNow(path)?.device,
  )
  return new Set(devices.filter((device) => device !== undefined)).size === 1
}
