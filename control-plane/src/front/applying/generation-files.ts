import { createHash } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { RenderedFile } from '@entrepot/front'

import { KeptByFiles } from '../../system/kept-by-files.js'
import { syncFolder } from '../../system/sync-folder.js'
import { type ApplyPlaces, generationFolder } from './apply-places.js'

/** Digests of a generation's files, as `sha256sum -c` reads them; for nobody else, since a digest of a password lets it be guessed. */
const SUMS = 'sha256sums'

/** A file of a generation that is not as it was written. */
export interface Drift {
  readonly path: string
  readonly what: 'changed' | 'missing' | 'added'
}

/** Writes a generation: whole, durable, or not there at all. What lies there of that name is replaced. */
export async function writeGeneration(
  places: Pick<ApplyPlaces, 'config'>,
  id: string,
  files: readonly RenderedFile[],
): Promise<void> {
  const folder = generationFolder(places, id)
  const unfinished = path.join(path.dirname(folder), `.${id}`)
  await rm(unfinished, { recursive: true, force: true })
  await makeFolder(unfinished)
  const folders = new Set(files.map((file) => path.dirname(path.join(unfinished, file.path))))
  for (const each of folders) await makeFolder(each)
  for (const file of [...files, sumsOf(files)]) await writeDurably(path.join(unfinished, file.path), file)
  for (const each of new Set([...folders, unfinished])) await syncFolder(each)
  await rm(folder, { recursive: true, force: true })
  await rename(unfinished, folder)
  await syncFolder(path.dirname(folder))
}

/** What somebody did to a generation's files by hand; the digests themselves count as one of them. */
export async function findDrift(places: Pick<ApplyPlaces, 'config'>, id: string): Promise<readonly Drift[]> {
  const folder = generationFolder(places, id)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found = new Set(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => path.relative(folder, path.join(parentPath, name))),
  )
  if (!found.delete(SUMS)) return [{ path: SUMS, what: 'missing' }]
  const drift: Drift[] = []
  for (const line of (await readFile(path.join(folder, SUMS), 'utf8')).split('\n').filter(Boolean)) {
    const [sum, name = ''] = line.split('  ')
    if (!found.delete(name)) drift.push({ path: name, what: 'missing' })
    else if ((await sumOf(path.join(folder, name))) !== sum) drift.push({ path: name, what: 'changed' })
  }
  return [...drift, ...[...found].map((name): Drift => ({ path: name, what: 'added' }))]
}

const sums = new KeptByFiles<string>()

function sumOf(file: string): Promise<string> {
  return sums.get([file], async () => sha256(await readFile(file)))
}

function sumsOf(files: readonly RenderedFile[]): RenderedFile {
  const lines = files.map((file) => `${sha256(file.text)}  ${file.path}\n`)
  return { path: SUMS, mode: 0o600, text: lines.join('') }
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** nginx's workers read it as another user than the one who writes it, whatever the umask takes away. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
}

async function writeDurably(name: string, { mode, text }: RenderedFile): Promise<void> {
  await using file = await open(name, 'wx', mode)
  await file.writeFile(text)
  await file.chmod(mode)
  await file.sync()
}
