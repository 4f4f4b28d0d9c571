import os from 'node:os'
import type { BoxSettings } from './box-settings.js'
import { isHost } from './host-name.js'

const ANY = new Set(['0.0.0.0', '::'])

/** What the box's own certificate is for: this machine by its usual names, where it listens, and ENTREPOT_NAMES. */
export function certificateNames(
  { bind, names }: Pick<BoxSettings, 'bind' | 'names'>,
  hostname = os.hostname(),
): readonly string[] {
  const own = ['localhost', '127.0.0.1', '::1', ...bind.filter((address) => !ANY.has(address))]
  const host = hostname.toLowerCase()
  return [...new Set([...names, ...own, ...(isHost(host) ? [host] : [])])]
}
