import net from 'node:net'

import { count } from './checked-values.js'
import { type DirectiveValue, directiveValue, SettingRefused } from './directive-value.js'
import type { Listener } from './settings.js'

/** Address and port of each listener as nginx writes them. Throws when nginx could not bind them side by side. */
export function listenPlaces(listeners: readonly Listener[]): readonly DirectiveValue[] {
  if (listeners.length === 0) throw new SettingRefused('listeners', '[]', 'at least one listener')
  const places = listeners.map(listenPlace)
  for (const [at, place] of places.entries()) {
    if (places.slice(0, at).some((earlier) => isSamePlace(earlier, place)))
      throw new SettingRefused('listeners', place, 'each port of an address once')
  }
  return places
}

/** One address twice, or an address beside the wildcard of its family: nginx could bind only one of them. */
function isSamePlace(one: string, other: string): boolean {
  const pattern = /^(.*):(\d+)$/
  const [, host, port] = pattern.exec(one) ?? []
  const [, otherHost, otherPort] = pattern.exec(other) ?? []
  if (port !== otherPort) return false
  const isWildcard = [host, otherHost].some((name) => name === '0.0.0.0' || name === '[::]')
  return host === otherHost || (isWildcard && host?.startsWith('[') === otherHost?.startsWith('['))
}

function listenPlace({ address, port }: Listener): DirectiveValue {
  const family = net.isIP(address)
  if (family === 0 || address.includes('%') || /^::ffff:/i.test(address)) {
    throw new SettingRefused('address', address, 'an IP address')
  }
  // In its one short form, so that two spellings of an address are seen to be one.
  const canonical = new net.SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address
  count('port', port, 65_535)
  return directiveValue('address', family === 6 ? `[${canonical}]:${port}` : `${canonical}:${port}`)
}
