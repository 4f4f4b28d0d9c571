import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { createDurably } from '../front/certificates/create-durably.js'
import { ownCaFiles } from '../front/certificates/own-ca.js'
import { findText } from '../front/certificates/server-certificate.js'
import type { Random } from '../system/random.js'
import { errorCode } from '../system/error-code.js'
import { syncFolder } from '../system/sync-folder.js'
import type { Entry } from './archive.js'

/** Holds what was there before and what comes instead, until the database has decided which of them stays. */
const JOURNAL = 'restoring-'
const AUTHORITY = ['ca.key', 'ca.pem'] as const
const ADDED = 'added.json'

/**
 * The certificates of a backup beside those of this box: each file of a certificate or request is named by what it holds
 * (an ACME account by its server: the box keeps the one that it has),
 * so nothing of the box is written over, and nginx can go back to what it had. Only the authority takes the other's place.
 */
export class FileSwap {
  readonly #folder: string
  readonly #journal: string
  readonly #random: Random

  constructor(folder: string, id: string, random: Random) {
    this.#folder = folder
    this.#journal = path.join(folder, `${JOURNAL}${id}`)
    this.#random = random
  }

  /** `files` by their names in the folder of certificates. */
  async swap(files: readonly Entry[]): Promise<void> {
    await this.#write(files)
    for (const { name, bytes } of files.filter(({ name }) => !isAuthority(name))) {
      await mkdir(path.join(this.#folder, path.dirname(name)), { recursive: true, mode: 0o700 })
      const mode = name.endsWith('.pem') || name.endsWith('.csr') ? 0o644 : 0o600
      const file = path.join(this.#folder, name)
      await createDurably({ file, text: bytes.toString('utf8'), mode, random: this.#random })
    }
    await putAuthority(this.#folder, path.join(this.#journal, 'new'))
  }

  /** The files are as before. Nothing happens when nothing was swapped. */
  async takeBack(): Promise<void> {
    await rm(`${this.#journal}.draft`, { recursive: true, force: true })
    for (const file of Object.values(ownCaFiles(this.#folder))) await rm(`${file}.restored`, { force: true })
    await takeBack(this.#folder, this.#journal)
  }

  /** The database has kept it. */
  async finish(): Promise<void> {
    await drop(this.#journal)
  }

  /** It is there whole or not at all, before any file is touched. */
  async #write(files: readonly Entry[]): Promise<void> {
    const draft = `${this.#journal}.draft`
    for (const kind of ['old', 'new']) await mkdir(path.join(draft, kind), { recursive: true, mode: 0o700 })
    const there = new Set(await readdir(this.#folder, { recursive: true }))
    for (const name of AUTHORITY) {
      if (there.has(name)) await copyDurably(path.join(this.#folder, name), path.join(draft, 'old', name))
      const bytes = files.find((file) => file.name === name)?.bytes ?? ''
      await writeFile(path.join(draft, 'new', name), bytes, { mode: 0o600, flush: true })
    }
    const added = files.map(({ name }) => name).filter((name) => !isAuthority(name) && !there.has(name))
    await writeFile(path.join(draft, ADDED), JSON.stringify(added), { mode: 0o600, flush: true })
    await rename(draft, this.#journal)
    await syncFolder(this.#folder)
  }
}

/** What a killed process has left half done: kept when the database has kept the restore of this id, else taken back. */
export async function settleSwaps(folder: string, keptId: string | undefined): Promise<void> {
  for (const file of await unfinishedFiles(folder)) await rm(path.join(folder, file), { force: true })
  const names = await namesOf(folder)
  for (const name of names.filter(
    (each) => each.startsWith('unpacking-') || /^restoring-.*\.(?:draft|done)$/.test(each),
  ))
    await rm(path.join(folder, name), { recursive: true, force: true })
  for (const name of names.filter((each) => /^restoring-[0-9a-f]+$/.test(each))) {
    if (name === `${JOURNAL}${keptId}`) await drop(path.join(folder, name))
    else await takeBack(folder, path.join(folder, name))
  }
}

/** Of a file that was about to get its name: it may be a key. */
async function unfinishedFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => /\.[0-9a-f]{16}\.new$|^ca\.(?:pem|key)\.restored$/.test(name))
}

/**
 * Before the database can be asked: an authority of which one file is new and one is old is the old one's, since the
 * database decides only after both. Without it the box could not start.
 */
export async function mendAuthority(folder: string): Promise<void> {
  for (const name of await namesOf(folder)) {
    if (!/^restoring-[0-9a-f]+$/.test(name)) continue
    const isNew = await Promise.all(
      AUTHORITY.map(async (file) => {
        const now = await findText(path.join(folder, file))
        return now === (await findText(path.join(folder, name, 'new', file)))
      }),
    )
    if (isNew.includes(true) && isNew.includes(false))
      await putBackAuthority(folder, path.join(folder, name, 'old'))
  }
}

async function takeBack(folder: string, journal: string): Promise<void> {
  const added = await findText(path.join(journal, ADDED))
  if (added === undefined) return
  await putBackAuthority(folder, path.join(journal, 'old'))
  for (const name of JSON.parse(added) as readonly string[])
    await rm(path.join(folder, name), { force: true })
  await drop(journal)
}

/** By names alone: what was full may still be. One that is not there has its name already. */
async function putBackAuthority(folder: string, from: string): Promise<void> {
  for (const name of AUTHORITY)
    try {
      await rename(path.join(from, name), path.join(folder, name))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  await syncFolder(folder)
}

async function copyDurably(file: string, to: string): Promise<void> {
  const { mode } = await stat(file)
  await writeFile(to, await readFile(file), { mode, flush: true })
}

/** The key first, as it is made. */
async function putAuthority(folder: string, from: string): Promise<void> {
  const { certificate, key } = ownCaFiles(folder)
  const texts = new Map(
    await Promise.all(AUTHORITY.map(async (name) => [name, await findText(path.join(from, name))] as const)),
  )
  for (const [file, name, mode] of [
    [key, 'ca.key', 0o600],
    [certificate, 'ca.pem', 0o644],
  ] as const) {
    const text = texts.get(name)
    if (text === undefined) continue
    await writeFile(`${file}.restored`, text, { mode, flush: true })
  }
  for (const [file, name] of [
    [key, 'ca.key'],
    [certificate, 'ca.pem'],
  ] as const)
    if (texts.get(name) !== undefined) await rename(`${file}.restored`, file)
  await syncFolder(folder)
}

/** Gone at once, so that what is left of it is never taken for whole. */
async function drop(journal: string): Promise<void> {
  await rename(journal, `${journal}.done`)
  await rm(`${journal}.done`, { recursive: true, force: true })
}

function isAuthority(name: string): boolean {
  return AUTHORITY.some((each) => each === name)
}

async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch {
    return [] // the first start makes it
  }
}
