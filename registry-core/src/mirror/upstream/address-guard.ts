import { BlockList, isIP } from 'node:net'
import type { UpstreamSettings } from '../mirror-settings.js'
import { UpstreamFailure } from './upstream-failure.js'

/** Which addresses may be dialled (design §5): asked with the address that a name has at the moment of connecting. */
export interface AddressGuard {
  /** Why this address of a host may not be dialled; undefined when it may. */
  refusal(hostname: string, address: string): UpstreamFailure | undefined
  /** The same for a URL whose host is an address already; undefined for names. */
  refusalOfLiteral(url: URL): UpstreamFailure | undefined
}

interface Range {
  readonly kind: string
  /** What a person writes into `allowAddresses`; undefined: the address alone. */
  readonly range: string | undefined
  /** Private ones may be dialled when an administrator typed the host. */
  readonly isPrivate: boolean
  readonly list: BlockList
}

/** Services in clouds that hand out credentials to whoever connects, at addresses that are otherwise ordinary. */
const METADATA = ['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254']

const RANGES: readonly Range[] = [
  named('metadata', ['169.254.169.254', ...METADATA]),
  named('loopback', ['127.0.0.0/8'], '127.0.0.0/8'),
  named('loopback', ['::1'], '::1/128'),
  named('unspecified', ['0.0.0.0/8', '::']),
  named('link-local', ['169.254.0.0/16', 'fe80::/10']),
  named('multicast', ['224.0.0.0/4', 'ff00::/8']),
  named('reserved', ['240.0.0.0/4']),
  {
    ...named('private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15']),
    isPrivate: true,
  },
  { ...named('private', ['192.0.0.0/24', 'fc00::/7', 'fec0::/10', '64:ff9b:1::/48']), isPrivate: true },
]

/** What was typed is the hosts of the URLs and of `realms`; redirects and token services elsewhere are not. */
export function openAddressGuard(settings: UpstreamSettings): AddressGuard {
  const typed = new Set([...settings.urls.map(({ hostname }) => hostname), ...settings.realms.map(nameOf)])
  const guard: AddressGuard = {
    refusal(hostname, address) {
      const plain = unwrapped(address)
      const found = RANGES.find(({ list }) => has(list, plain))
      if (found === undefined || (found.isPrivate && typed.has(hostname))) return undefined
      if (has(settings.allowAddresses, plain)) return undefined
      return refused(settings.host, hostname, plain, found)
    },
    refusalOfLiteral({ hostname }) {
      const address = hostname.replace(/^\[(.*)\]$/, '$1')
      return isIP(address) === 0 ? undefined : guard.refusal(hostname, address)
    },
  }
  return guard
}

/** An address of this machine or of a private network. */
export function isNearAddress(address: string): boolean {
  const plain = unwrapped(address)
  const kind = RANGES.find(({ list }) => has(list, plain))?.kind
  return kind === 'loopback' || kind === 'link-local' || kind === 'private'
}

function refused(
  upstream: string,
  hostname: string,
  address: string,
  { kind, range }: Range,
): UpstreamFailure {
  const word = range ?? `${address}/${isIP(address) === 4 ? 32 : 128}`
  return new UpstreamFailure(
    'forbidden-address',
    `${hostname} has the ${kind} address ${address}, which is not dialled unasked: if it is meant, set allowAddresses: ['${word}'] for the upstream ${upstream}`,
  )
}

function named(kind: string, ranges: readonly string[], range?: string): Range {
  const list = new BlockList()
  for (const one of ranges) {
    const [address = '', bits] = one.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return { kind, range, isPrivate: false, list }
}

function has(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

/** Host names may be given with a port. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}

/** Ways of writing an IPv4 address as one of IPv6: mapped, compatible, NAT64, 6to4. */
const EMBEDDING: readonly { readonly groups: readonly number[]; readonly at: number }[] = [
  { groups: [0, 0, 0, 0, 0, 0xffff], at: 6 },
  { groups: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  { groups: [0, 0, 0, 0, 0, 0], at: 6 },
  { groups: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  { groups: [0x2002], at: 1 },
]

/** Where a packet to this address ends up: the IPv4 address in it, or itself without its zone. */
function unwrapped(address: string): string {
  const plain = address.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return plain
  const groups = groupsOf(plain)
  const found = EMBEDDING.find((one) => one.groups.every((group, index) => groups[index] === group))
  if (found === undefined) return plain
  const [high = 0, low = 0] = groups.slice(found.at, found.at + 2)
  if (found.groups.every((group) => group === 0) && high === 0) return plain // ::, ::1
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function groupsOf(address: string): readonly number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const [a = 0, b = 0, c = 0, d = 0] = (dotted?.slice(1) ?? []).map(Number)
  const hex = dotted === null ? address : `${address.slice(0, dotted.index)}${pair(a, b)}:${pair(c, d)}`
  const [head = '', tail] = hex.split('::')
  const before = head.split(':').filter((group) => group !== '')
  const after = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16))
}

function pair(high: number, low: number): string {
  return (high * 256 + low).toString(16)
}
