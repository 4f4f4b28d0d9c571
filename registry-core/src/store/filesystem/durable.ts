import { basename, dirname } from 'node:path'
import type { Clock } from '../../system/clock.js'
import type { Random } from '../../system/random.js'
import { errorCode, type Fs } from '../fs.js'
import { linkOrCreate } from './link-or-create.js'
import type { WriteHealth } from './write-health.js'

/** Folders that somebody may remove and another make anew: their names are never taken for durable. */
const REMOVABLE = /\/[0-9a-f]{64,128}(?:\/|$)|\/tags\//
const KNOWN_LIMIT = 100_000
/** A folder can vanish under us (a tidying remover) this often before we give up. */
const ATTEMPTS = 8

/** Writes that are still there after a power cut: every file synced before its name, every name before the answer. */
export class Durable {
  readonly fs: Fs
  readonly #root: string
  readonly #temporary: string
  readonly #random: Random
  readonly #clock: Clock
  readonly #health: WriteHealth
  readonly #known = new Set<string>()
  readonly #syncs = new Map<string, { readonly running: Promise<void>; queued?: Promise<void> }>()

  constructor(options: {
    fs: Fs
    root: string
    temporary: string
    random: Random
    clock: Clock
    health: WriteHealth
  }) {
    this.fs = options.fs
    this.#root = options.root
    this.#temporary = options.temporary
    this.#random = options.random
    this.#clock = options.clock
    this.#health = options.health
  }

  /** A name of our own outside the tree. */
  temporaryName(): string {
    return `${this.#temporary}/${this.#random.hex(12)}`
  }

  /** Makes the folder and those above it; all of their names are durable afterwards. One that is known to be costs a stat. */
  async makeFolder(path: string): Promise<void> {
    if (this.#known.has(path) && this.fs.statNow(path) !== undefined) return
    await this.inFolder(path, () => Promise.resolve())
  }

  /** The same for an empty file, which nobody removes but with its folder. */
  async makeMark(path: string): Promise<void> {
    if (this.#known.has(path) && this.fs.statNow(path) !== undefined) return
    await this.inFolder(dirname(path), async () => void this.fs.createNow(path, new Uint8Array()))
    this.#known.add(path)
  }

  /**
   * Makes the folder, lets `change` work in it, and then syncs it together with every new name above it (one commit of
   * the file system's journal, not two). All over again when somebody removes the folder meanwhile (ENOENT).
   */
  async inFolder(folder: string, change: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1)
      try {
        await this.#inFolderOnce(folder, change)
        return
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
        this.#forget(folder)
        if (attempt === ATTEMPTS) throw error
      }
  }

  /** Somebody removes whole folders by hand: what lies above a missing one cannot be taken for made any more. */
  #forget(path: string): void {
    if (path === this.#root || path === dirname(path)) return
    this.#known.delete(path)
    this.#forget(dirname(path))
  }

  /** A folder that is there already is synced too: whoever made it may have been killed before its fsync. */
  async #inFolderOnce(folder: string, change: () => Promise<void>): Promise<void> {
    const unknown = this.#unknownOf(folder)
    for (const path of unknown) if (!(await this.fs.makeDirectory(path))) await this.#replaceImpostor(path)
    await change()
    await Promise.all([...unknown.map((path) => dirname(path)), folder].map((path) => this.syncFolder(path)))
    if (this.#known.size > KNOWN_LIMIT) this.#known.clear()
    for (const path of unknown) if (!REMOVABLE.test(path)) this.#known.add(path)
  }

  /** A file, pipe or symbolic link where one of the tree's inner folders belongs is moved to tmp/: nobody honest made it. */
  async #replaceImpostor(path: string): Promise<void> {
    if (!REMOVABLE.test(path) && !basename(path).startsWith('_')) return
    const kind = this.fs.statNow(path)?.kind
    if (kind === undefined || kind === 'directory') return
    await this.fs.rename(path, this.temporaryName())
    await this.fs.makeDirectory(path)
  }

  /** The folder and those above it, from the top down, whose names this process has not made durable yet. */
  #unknownOf(path: string): readonly string[] {
    if (path === this.#root || this.#known.has(path)) return []
    return [...this.#unknownOf(dirname(path)), path]
  }

  /**
   * fsync of a folder. Those who ask while one is under way share the next one.
   * @throws the system's error: nothing that was to be made durable may be acknowledged
   */
  syncFolder(path: string): Promise<void> {
    const current = this.#syncs.get(path)
    if (current === undefined) return this.#startSync(path)
    current.queued ??= current.running.catch(() => undefined).then(() => this.#startSync(path))
    return current.queued
  }

  /** The same for something that was removed: when its folder is gone too, the one above it says so. */
  async syncRemoval(folder: string): Promise<void> {
    try {
      await this.syncFolder(folder)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || folder === this.#root || folder === dirname(folder)) throw error
      await this.syncRemoval(dirname(folder))
    }
  }

  #startSync(path: string): Promise<void> {
    const running = this.#health.watchSync(this.fs.syncDirectory(path)).finally(() => {
      if (this.#syncs.get(path)?.running === running) this.#syncs.delete(path)
    })
    this.#syncs.set(path, { running })
    return running
  }

  /** Writes a file under a name of our own and syncs it, its time too; answers the name. Nothing stays when it fails. */
  async writeTemporary(bytes: Uint8Array, time?: Date, access?: 'private'): Promise<string> {
    const path = this.temporaryName()
    const file = await this.fs.create(path, access)
    try {
      try {
        if (bytes.length > 0) await file.write([bytes], 0)
        if (time !== undefined) this.fs.touchNow(path, time)
        await this.#health.watchSync(file.sync())
      } finally {
        await file.close()
      }
    } catch (error) {
      await this.dropQuietly(path)
      throw error
    }
    return path
  }

  /**
   * Publishes a small file: temporary, fsync, rename over `path`, fsync of the folder. All of it again when a remover
   * that tidies takes the file and its folder away in between (gc-protocol §4).
   * @param once what must be done before the rename: the temporary file is written and synced meanwhile
   */
  async publish(path: string, bytes: Uint8Array, time?: Date, once?: Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt += 1)
      try {
        await this.publishUnrepeated(path, bytes, time, once)
        return
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error
      }
  }

  /** One attempt of it. @throws code `ENOENT` when a remover took the file away, with its folder */
  async publishUnrepeated(
    path: string,
    bytes: Uint8Array,
    time?: Date,
    once?: Promise<unknown>,
  ): Promise<void> {
    const temporary = await this.#writeBeside(once, bytes, time)
    try {
      await this.moveIn(temporary, path)
    } catch (error) {
      await this.dropQuietly(temporary)
      throw error
    }
  }

  /** Both have ended when this does; when one fails nothing of the file stays. */
  async #writeBeside(
    other: Promise<unknown> | undefined,
    bytes: Uint8Array,
    time: Date | undefined,
  ): Promise<string> {
    const [done, written] = await Promise.allSettled([other, this.writeTemporary(bytes, time)])
    if (done.status === 'rejected') {
      if (written.status === 'fulfilled') await this.dropQuietly(written.value)
      throw done.reason
    }
    if (written.status === 'rejected') throw written.reason
    return written.value
  }

  /** The same under a name that nobody has yet; false, and nothing is changed, when somebody has. */
  async publishNew(path: string, bytes: Uint8Array, time?: Date): Promise<boolean> {
    const temporary = await this.writeTemporary(bytes, time)
    let isLinked = false
    try {
      await this.inFolder(dirname(path), async () => {
        isLinked = (await linkOrCreate(this.fs, temporary, path, bytes)) === 'linked'
      })
    } finally {
      await this.dropQuietly(temporary)
    }
    return isLinked
  }

  /**
   * Renames a synced file to its place and makes the name durable.
   * @throws code `ENOENT` when the file was taken away between the rename and the sync, with its folder
   */
  async moveIn(temporary: string, path: string): Promise<void> {
    let isLost = false
    await this.inFolder(dirname(path), async () => {
      // A repetition after the rename only syncs what was renamed, if it is still there.
      if (this.fs.statNow(temporary) !== undefined) await this.replace(temporary, path)
      else isLost = this.fs.statNow(path) === undefined
    })
    if (isLost) throw Object.assign(new Error(`${path} vanished after its rename`), { code: 'ENOENT' })
  }

  /** A rename that nothing withstands: a folder where the file belongs is damage, and ends among the temporary files. */
  async replace(temporary: string, path: string): Promise<void> {
    try {
      await this.fs.rename(temporary, path)
    } catch (error) {
      if (errorCode(error) !== 'EISDIR') throw error
      await this.fs.rename(path, this.temporaryName())
      await this.fs.rename(temporary, path)
    }
  }

  /** Makes an empty file, or renews the time of the one that is there. */
  makeEmpty(path: string, time: Date = this.#clock.now()): void {
    if (this.fs.touchNow(path, time)) return
    this.fs.createNow(path, new Uint8Array())
    this.fs.touchNow(path, time)
  }

  /** For cleaning up after a failure that is reported already. */
  async dropQuietly(path: string): Promise<void> {
    try {
      await this.fs.unlink(path)
    } catch {
      // The first failure is the one to report; what is left in tmp/ ends with the hourly job, after a day.
    }
  }
}
