import { createHash } from 'node:crypto'

import { BCRYPT } from '../access/account-hash.js'

const HASHES = new RegExp(BCRYPT, 'g')
const SHOWN = 8

/** Files as they may be shown to whoever may read: of a hash only whether it is another one than before. */
export function hideHashes(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      text.replaceAll(HASHES, (hash) => `(hidden, ${digest(hash)})`),
    ]),
  )
}

function digest(hash: string): string {
  return createHash('sha256').update(hash).digest('hex').slice(0, SHOWN)
}
