import net from 'node:net'
import { findUpstreamHost, UPSTREAM_HOST_FORM } from '@entrepot/registry-core/contract'

import { count, file } from './checked-values.js'
import { type DirectiveValue, directiveValue, SettingRefused } from './directive-value.js'
import type { Listener, ListenerView, VirtualHost } from './settings.js'

/** One server block: what a listener answers to everybody, or to clients of some hosts. */
export type ServerView = {
  readonly listen: DirectiveValue
  /** The first block of an address: it has the options of the socket, and every Host that no other one names. */
  readonly isDefault: boolean
  readonly serverNames: readonly DirectiveValue[]
  readonly view: DirectiveValue
  readonly isUpstream: boolean
  readonly upstream: DirectiveValue
  readonly isTls: boolean
  /** nginx before 1.25.1 has HTTP/2 as a word of `listen`, later ones as a directive of its own. */
  readonly http2InListen: boolean
  readonly http2Directive: boolean
  readonly certificate: DirectiveValue
  readonly key: DirectiveValue
}

const UNUSED = directiveValue('unused', '-')

/** The blocks of each listener: its own first, one for each of its virtual hosts behind it. */
export function serverViews(
  listeners: readonly Listener[],
  { http2IsDirective }: { readonly http2IsDirective: boolean },
): readonly ServerView[] {
  if (listeners.length === 0) throw new SettingRefused('listeners', '[]', 'at least one listener')
  const own = listeners.map((listener) => ownServer(listener, http2IsDirective))
  for (const [at, { listen }] of own.entries()) {
    const meets = own.slice(0, at).some((earlier) => isSamePlace(earlier.listen, listen))
    if (meets) throw new SettingRefused('listeners', listen, 'each port of an address once')
  }
  return own.flatMap((server, at) => [server, ...virtualServers(server, listeners[at]?.virtualHosts ?? [])])
}

function ownServer(listener: Listener, http2IsDirective: boolean): ServerView {
  const isTls = listener.kind === 'tls'
  return {
    listen: listenAddress(listener),
    isDefault: true,
    serverNames: [],
    ...viewFields(listener.view ?? 'registry'),
    isTls,
    http2InListen: isTls && !http2IsDirective,
    http2Directive: isTls && http2IsDirective,
    certificate: isTls ? file('certificate', listener.certificate) : UNUSED,
    key: isTls ? file('key', listener.key) : UNUSED,
  }
}

function virtualServers(own: ServerView, hosts: readonly VirtualHost[]): readonly ServerView[] {
  const taken = new Set<string>()
  return hosts.map(({ names, view }) => {
    if (names.length === 0) throw new SettingRefused('virtualHosts', '[]', 'at least one name each')
    for (const name of names) {
      if (taken.has(name)) throw new SettingRefused('virtualHosts', name, 'each name once on a listener')
      taken.add(name)
    }
    return { ...own, ...viewFields(view), isDefault: false, serverNames: names.map(serverName) }
  })
}

function viewFields(view: ListenerView): Pick<ServerView, 'view' | 'isUpstream' | 'upstream'> {
  if (typeof view === 'string')
    return { view: directiveValue('view', view), isUpstream: false, upstream: UNUSED }
  const host = findUpstreamHost(view.upstream)
  if (host === undefined) throw new SettingRefused('upstream', view.upstream, UPSTREAM_HOST_FORM)
  return {
    view: directiveValue('view', 'upstream'),
    isUpstream: true,
    upstream: directiveValue('upstream', host),
  }
}

/** As nginx compares it: in lower case, without a port. Nothing that it would take for a pattern. */
function serverName(text: string): DirectiveValue {
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
  if (text.length > 253 || !new RegExp(`^${label}(?:\\.${label})*$`).test(text))
    throw new SettingRefused('virtualHosts', text, 'a host in lower case, without a port: quay.io')
  return directiveValue('virtualHosts', text)
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

function listenAddress({ address, port }: Listener): DirectiveValue {
  const family = net.isIP(address)
  if (family === 0 || address.includes('%') || /^::ffff:/i.test(address)) {
    throw new SettingRefused('address', address, 'an IP address')
  }
  // In its one short form, so that two spellings of an address are seen to be one.
  const canonical = new net.SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address
  count('port', port, 65_535)
  return directiveValue('address', family === 6 ? `[${canonical}]:${port}` : `${canonical}:${port}`)
}
