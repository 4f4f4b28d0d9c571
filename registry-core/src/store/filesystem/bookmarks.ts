import type { Clock } from '../../system/clock.js'
import type { Identity } from '../../system/identity.js'
import type { Bookmarks } from '../bookmarks.js'
import { errorCode } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'
import type { Presence } from './presence.js'

const LIMIT_BYTES = 4096
/** The journal's files go on being removed while nobody reads them; a bookmark in one that is gone is kept so long. */
const ABANDONED_AFTER_MS = 30 * 24 * 3_600_000

/**
 * `entrepot/bookmarks/<reader>/<part>@<process>`. Taking one over is a rename, which one process wins; whoever slept
 * finds it gone.
 */
export class FileBookmarks implements Bookmarks {
  readonly #options: { keys: Keys; durable: Durable; clock: Clock; identity: Identity }
  readonly #presence: Presence

  constructor(options: {
    keys: Keys
    durable: Durable
    clock: Clock
    identity: Identity
    presence: Presence
  }) {
    this.#options = options
    this.#presence = options.presence
  }

  async appear(): Promise<void> {
    await this.#presence.appear()
    await this.#removeAbandoned()
  }

  async adopt(reader: string): Promise<readonly { readonly part: string; readonly text: string }[]> {
    const { keys, durable, identity } = this.#options
    const folder = keys.bookmarks(reader)
    const adopted: { readonly part: string; readonly text: string }[] = []
    for (const { name } of (await durable.fs.list(folder)) ?? []) {
      const [part = '', keeper = ''] = name.split('@')
      if (part === '' || keeper === identity.process || !this.#presence.isDead(keeper)) continue
      const ours = this.#path(reader, part)
      if (!(await this.#take(`${folder}/${name}`, ours))) continue
      await this.#presence.forget(keeper)
      const text = durable.fs.readNow(ours, LIMIT_BYTES)?.toString()
      if (text !== undefined) adopted.push({ part, text })
    }
    if (adopted.length > 0) await durable.syncFolder(folder)
    return adopted
  }

  /** False when another process was faster. */
  async #take(theirs: string, ours: string): Promise<boolean> {
    try {
      await this.#options.durable.fs.rename(theirs, ours)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  async keep(reader: string, part: string, text: string): Promise<boolean> {
    const { durable, identity } = this.#options
    const path = this.#path(reader, part)
    if (part !== identity.process && durable.fs.statNow(path) === undefined) return false
    await durable.publish(path, Buffer.from(text))
    return true
  }

  async drop(reader: string, part: string): Promise<void> {
    await this.#options.durable.fs.unlink(this.#path(reader, part))
  }

  #path(reader: string, part: string): string {
    const { keys, identity } = this.#options
    return `${keys.bookmarks(reader)}/${part}@${identity.process}`
  }

  /** Readers that nobody has any more (an endpoint that was taken out of the file). */
  async #removeAbandoned(): Promise<void> {
    const { keys, durable, clock } = this.#options
    const { fs } = durable
    const all = `${keys.own}/bookmarks`
    for (const { name: reader } of (await fs.list(all)) ?? [])
      for (const { name } of (await fs.list(`${all}/${reader}`)) ?? []) {
        const ageMs = clock.now().getTime() - (fs.statNow(`${all}/${reader}/${name}`)?.mtimeMs ?? 0)
        const [, keeper = ''] = name.split('@')
        if (ageMs > ABANDONED_AFTER_MS && this.#presence.isDead(keeper))
          await fs.unlink(`${all}/${reader}/${name}`)
      }
  }

  async close(): Promise<void> {
    await this.#presence.close()
  }
}
