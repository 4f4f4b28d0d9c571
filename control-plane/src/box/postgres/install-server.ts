import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'

import type { Random } from '../../system/random.js'
import { syncDisk } from './account.js'
import type { PostgresPackage } from './find-package.js'

const INSTALLED = 'server-'

/** pg-symlinks.json, as the package's own install script reads it. */
const LINKS = z.array(z.object({ source: z.string(), target: z.string() }))

/** What nobody needs who only runs the server: 1.4 MB for linkers. */
const FOR_COMPILERS = /\.a$|^pkgconfig$/

/**
 * The server's own copy of the programs, made once for each version: npm left the library links out (it does not run
 * install scripts), and whoever runs the server need not be able to read node_modules. Answers the copy's folder.
 */
export async function installServer(
  { version, native }: PostgresPackage,
  folder: string,
  random: Random,
): Promise<string> {
  const installed = path.join(folder, `${INSTALLED}${version}`)
  if (await exists(installed)) return installed
  const unfinished = path.join(folder, `${INSTALLED}${random.uuid()}`)
  await copyFolder(native, unfinished)
  await linkLibraries(native, unfinished)
  await syncDisk(unfinished)
  await rename(unfinished, installed)
  return installed
}

/** Removes other versions' copies and what an interrupted start left. Not before an orphan that runs from it has ended. */
export async function removeOldServers(folder: string, installed: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name.startsWith(INSTALLED))
  for (const name of left.filter((other) => other !== path.basename(installed)))
    await rm(path.join(folder, name), { recursive: true, force: true })
}

/** With rights that let any account run it, whatever the umask of `npm ci` was. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to)
  await chmod(to, 0o755)
  const entries = await readdir(from, { withFileTypes: true })
  for (const entry of entries.filter(({ name }) => !FOR_COMPILERS.test(name))) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else if (entry.isFile()) await copyProgram(source, target, path.basename(from) === 'bin')
  }
}

async function copyProgram(from: string, to: string, executable: boolean): Promise<void> {
  await copyFile(from, to)
  await chmod(to, executable ? 0o755 : 0o644)
}

/** pg-symlinks.json names both ends from the package's root: native/lib/libpq.so.5.18. */
async function linkLibraries(native: string, to: string): Promise<void> {
  const text = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')
  const links = LINKS.parse(JSON.parse(text))
  for (const { source, target } of links) {
    const link = path.join(to, path.relative('native', target))
    await rm(link, { force: true }) // where install scripts do run, the link was copied as a file
    await symlink(path.relative(path.dirname(target), source), link)
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}
