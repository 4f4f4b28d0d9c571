import { isIPv6 } from 'node:net'

const GROUPS = 8

/** Whose address that is, as far as it tells: an IPv6 network of 64 bits is one machine's, who takes any address of it. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  const [before = [], after = []] = address.split('::').map((half) => half.split(':').filter(Boolean))
  // An IPv4 address at its end is two groups; it stands behind the network anyway.
  const written = before.length + after.length + (address.includes('.') ? 1 : 0)
  const left = Array.from({ length: GROUPS - written }, () => '0')
  const network = [...before, ...left, ...after].slice(0, GROUPS / 2)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
