import fs from 'node:fs'
import path from 'node:path'
import type { BoxPlaces } from './box-places.js'
import { StartRefused } from './start-refused.js'

/**
 * A box that was started with sudo once belongs to root: a plain user can read neither its keys nor its database.
 * @throws StartRefused `folder-of-another`
 */
export function requireOwner(
  { data, run, config, nginx, postgres, certificates, secretKey }: BoxPlaces,
  uid = process.getuid?.(),
): void {
  if (uid === undefined || uid === 0) return
  const made = [
    run,
    config,
    nginx,
    postgres,
    certificates,
    ...(path.dirname(secretKey) === data ? [secretKey] : []),
  ]
  const first = made.find((place) => fs.existsSync(place) && fs.statSync(place).uid !== uid)
  if (first === undefined) return
  const { uid: owner } = fs.statSync(first)
  throw new StartRefused('folder-of-another', { place: first, owner, folder: data, uid })
}
