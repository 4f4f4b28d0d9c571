import { isIP, isIPv4, isIPv6 } from 'node:net'
import { findTcpAddress } from './address.js'

/** What each may look like, for a person who wrote another. */
export const HOST_FORM = 'a host in lower case, as it stands before an image: quay.io, registry.example:5000'
export const URL_FORM = 'an address like https://quay.io, with http or https and without a path'
export const REALM_FORM = 'a host in lower case like auth.docker.io'
export const NAME_SERVER_FORM = 'the address of a name server like 9.9.9.9, with or without :port'
export const RANGE_FORM = 'a range of addresses like 10.0.0.0/8, or one address'

const LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const HOST = new RegExp(`^(${LABEL}(?:\\.${LABEL})*)(?:[:_]([0-9]{1,5}))?$`)

/**
 * An upstream's name as the store and the settings write it: `host:5000` is `host_5000`. Images are named by hosts that
 * have a dot or a port, or are localhost; any other would stand before names that are somebody's own.
 */
export function findUpstreamHost(text: string): string | undefined {
  const match = HOST.exec(text)
  if (match === null || text.length > 255) return undefined
  const [, name = '', port] = match
  if (port === undefined) return name.includes('.') || name === 'localhost' ? name : undefined
  return isPort(port) ? `${name}_${Number(port)}` : undefined
}

/** A host that tokens may come from, as it stands in an address. */
export function findRealmHost(text: string): string | undefined {
  const match = HOST.exec(text)
  return match === null || text.includes('_') || (match[2] !== undefined && !isPort(match[2]))
    ? undefined
    : text
}

function isPort(text: string): boolean {
  return Number(text) > 0 && Number(text) <= 65_535
}

/** Those that browsers do not ask either (Fetch, "port blocking"), and those of databases: nobody serves images there. */
const OTHER_PROTOCOLS: ReadonlySet<number> = new Set([
  ...[1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103],
  ...[104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513],
  ...[514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720],
  ...[1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080],
  ...[1433, 1521, 3306, 5432, 6379, 11_211, 27_017],
])

/** Where an upstream is asked; a text is what is allowed instead. */
export function readUpstreamUrl(text: string): URL | string {
  const url = URL.parse(text)
  if (url === null) return URL_FORM
  if (url.username !== '' || url.password !== '')
    return `${URL_FORM}; a user and a password have keys of their own`
  const hasMore = !['', '/'].includes(url.pathname) || /[?#]/.test(text)
  return hasMore ? URL_FORM : dialable(url)
}

/** An HTTP proxy, with the user and password that it may want; a text is what is allowed instead. */
export function readProxyUrl(text: string): URL | string {
  const url = URL.parse(text)
  if (url === null) return 'an address like http://proxy:3128'
  return isEscapedWell(`${url.username}:${url.password}`)
    ? dialable(url)
    : 'an address like http://user:password@proxy:3128, with %25 for a % in the password'
}

function isEscapedWell(text: string): boolean {
  try {
    return decodeURIComponent(text) !== ''
  } catch {
    return false
  }
}

function dialable(url: URL): URL | string {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return URL_FORM
  if (OTHER_PROTOCOLS.has(Number(url.port))) return `another port: ${url.port} is that of another protocol`
  return url
}

/** As the resolver takes it: `9.9.9.9`, `127.0.0.1:5353`, `[::1]:5353`. */
export function findNameServer(text: string): string | undefined {
  if (isIP(text) !== 0) return text
  const { host, port } = findTcpAddress(text) ?? {}
  return host !== undefined && isIP(host) !== 0 && port !== 0 ? text : undefined
}

/** A part of the addresses of one family. */
export interface AddressRange {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** `10.0.0.0/8`, `fc00::/7`; a single address is a range of one. */
export function findRange(text: string): AddressRange | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/([0-9]{1,3}))?$/.exec(text)
  const [, address = '', prefix] = match ?? []
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
  if (family === undefined) return undefined
  const bits = family === 'ipv4' ? 32 : 128
  return Number(prefix ?? bits) <= bits ? { address, prefix: Number(prefix ?? bits), family } : undefined
}
