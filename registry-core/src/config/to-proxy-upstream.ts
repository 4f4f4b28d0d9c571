import { BlockList, isIP } from 'node:net'
import type { UpstreamSettings } from '../mirror/mirror-settings.js'
import { HUB_ALIASES } from './schema/mirrors.js'

/** Networks that somebody who names an address in one of them means: registry:2 dials whatever it is told. */
const LOOPBACK = ['127.0.0.0/8', '::1/128']
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']

/** The upstream that `proxy` names, with Distribution's names: none has a host before it. */
export function toProxyUpstream(
  remote: URL,
  { username, password }: { readonly username?: string | undefined; readonly password?: string | undefined },
): UpstreamSettings {
  const host = hostOf(remote)
  const isHub = host === 'docker.io'
  return {
    host,
    aliases: isHub ? HUB_ALIASES : [],
    urls: [isHub ? new URL('https://registry-1.docker.io') : remote],
    credentials:
      username === undefined || password === undefined
        ? undefined
        : { username, password: { text: password } },
    ca: undefined,
    proxy: undefined,
    dns: [],
    realms: [],
    allowAddresses: allowedBy(remote.hostname),
    freshFor: { rules: [], otherwiseMs: undefined },
    whenMissing: 404,
    expose: 'all', // as registry:2: whoever may pull here sees what the account sees there
    maxConnections: 16,
    maxBytesPerSecond: undefined,
    isConfirmed: false,
    naming: 'bare',
  }
}

/** As the store writes it. An IPv6 address, which no name of a repository can begin with, in letters that one can. */
function hostOf({ hostname, port }: URL): string {
  if (port === '' && ['docker.io', ...HUB_ALIASES].includes(hostname)) return 'docker.io'
  const name = hostname.startsWith('[')
    ? `ipv6-${hostname
        .slice(1, -1)
        .split(':')
        .map((part) => part || '0')
        .join('-')}`
    : hostname
  return port === '' ? name : `${name}_${port}`
}

/** The class of addresses that the URL itself is of; of link-local ones, where clouds keep secrets, that one only. */
function allowedBy(hostname: string): BlockList {
  const address = hostname.replace(/^\[|\]$/g, '')
  const isLocalName = address === 'localhost' || address.endsWith('.localhost')
  const family = familyOf(address)
  if (isLocalName || isIn(LOOPBACK, address)) return listOf(LOOPBACK)
  // A name without a dot is that of a neighbour: a service of the same compose file, a machine of the same network.
  if (isIn(PRIVATE, address) || (family === undefined && !address.includes('.'))) return listOf(PRIVATE)
  const own = new BlockList()
  if (family !== undefined) own.addAddress(address, family)
  return own
}

function isIn(ranges: readonly string[], address: string): boolean {
  const family = familyOf(address)
  return family !== undefined && listOf(ranges).check(address, family)
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  switch (isIP(address)) {
    case 4:
      return 'ipv4'
    case 6:
      return 'ipv6'
    default:
      return undefined
  }
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), familyOf(network))
  }
  return list
}
