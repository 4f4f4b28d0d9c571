import { createHash } from 'node:crypto'

const BCRYPT = /\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}/g
const SHOWN = 8

/** Files as they may be shown to whoever may read: of a hash only whether it is another one than before. */
export function hideHashes(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      text.replaceAll(BCRYPT, (hash) => `(hidden, ${digest(hash)})`),
    ]),
  )
}

function digest(hash: string): string {
  return createHash('sha256').update(hash).digest('hex').slice(0, SHOWN)
}
