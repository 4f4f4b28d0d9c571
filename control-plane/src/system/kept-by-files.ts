import { statSync } from 'node:fs'

/** A tick of the file system's clock, and more: what changes later than that bears another time. */
const SETTLED_MS = 100
const KEPT_LIMIT = 1000

/** What was made of files, kept as long as each of them is the one that was read: by inode, size and both times. */
export class KeptByFiles<V> {
  readonly #kept = new Map<string, { readonly identity: string; readonly value: V }>()

  /** What `read` makes of these files; it is called again when one has changed, has come, or is gone. */
  async get(files: readonly string[], read: () => Promise<V>): Promise<V> {
    const key = files.join('\0')
    const { identity, changedMs } = identityOf(files)
    const kept = this.#kept.get(key)
    if (kept?.identity === identity) return kept.value
    const settled = Date.now() - changedMs > SETTLED_MS
    const value = await read()
    // While it was read another one may have come.
    if (settled && identityOf(files).identity === identity) {
      if (this.#kept.size >= KEPT_LIMIT) this.#kept.clear()
      this.#kept.set(key, { identity, value })
    } else this.#kept.delete(key)
    return value
  }
}

function identityOf(files: readonly string[]): { readonly identity: string; readonly changedMs: number } {
  let changedMs = 0
  const parts = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false, bigint: true })
    if (stat === undefined) return 'none'
    changedMs = Math.max(changedMs, Number(stat.ctimeMs))
    return [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')
  })
  return { identity: parts.join(' '), changedMs }
}
