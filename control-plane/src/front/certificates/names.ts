import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

import { CertificateRefused } from './certificate-refused.js'

/**
 * A name as it stands in a certificate, in its one spelling: a host in lower case (`registry.example`,
 * `*.example` where it is allowed), or an address (`10.0.0.1`, `fd00::1`).
 */
export type CertificateName = string & { readonly __type: 'CertificateName' }

interface NameOptions {
  /** `*.example.com` is for certificates that somebody else issued: ours names what the box answers to. */
  readonly wildcard?: boolean
}

/** As Docker's grammar of an image's name has a host: another one could not be asked for. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/**
 * Reads one name as a person types it.
 * @throws CertificateRefused with what to write instead
 */
export function parseName(text: string, options: NameOptions = {}): CertificateName {
  const trimmed = text.trim()
  const address = /^\[(.*)\]$/.exec(trimmed)?.[1] ?? trimmed
  if (isIP(address) !== 0) return parseAddress(text, address)
  const host = trimmed.toLowerCase().replace(/\.$/, '')
  const why = whyNoHost(host, options)
  if (why !== undefined) throw new CertificateRefused('name-invalid', { name: text, why })
  return host as CertificateName
}

/** Whether `parseName` takes it. */
export function isName(text: string): boolean {
  try {
    parseName(text)
    return true
  } catch (error) {
    if (error instanceof CertificateRefused) return false
    throw error
  }
}

/**
 * Reads a list, in its order and without repetitions.
 * @throws CertificateRefused for the first name that is none, and for a list without any
 */
export function parseNames(texts: readonly string[], options: NameOptions = {}): readonly CertificateName[] {
  const names = [...new Set(texts.map((text) => parseName(text, options)))]
  if (names.length === 0) throw new CertificateRefused('names-empty', {})
  return names
}

/** The names of an `X509Certificate#subjectAltName` that a client of a registry can ask for; others are left out. */
export function namesIn(subjectAltName: string | undefined): readonly CertificateName[] {
  // Node writes a value with unusual characters in quotes: no host has any.
  const found = (subjectAltName ?? '').matchAll(/(?<=^|, )(?:DNS|IP Address):([^",]+)(?=, |$)/g)
  return [...new Set([...found].flatMap(([, text = '']) => findName(text)))]
}

function findName(text: string): readonly CertificateName[] {
  const host = text.toLowerCase()
  if (isIP(text) !== 0) return [parseAddress(text, text)]
  return whyNoHost(host, { wildcard: true }) === undefined ? [host as CertificateName] : []
}

/** Whether it is an address and no host. */
export function isAddress(name: CertificateName): boolean {
  return isIP(name) !== 0
}

/** Whether clients that ask for `wanted` take a certificate with these names: `*.` stands for exactly one label. */
export function covers(names: readonly CertificateName[], wanted: CertificateName): boolean {
  if (names.includes(wanted)) return true
  if (isAddress(wanted)) return false
  const dot = wanted.indexOf('.')
  return dot > 0 && names.some((name) => name === `*${wanted.slice(dot)}`)
}

function parseAddress(text: string, address: string): CertificateName {
  if (isIPv4(address)) return address as CertificateName
  if (address.includes('%'))
    throw new CertificateRefused('name-invalid', {
      name: text,
      why: `a zone belongs to one machine only; write ${address.slice(0, address.indexOf('%'))}`,
    })
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED.exec(short) ?? []
  if (high === undefined || low === undefined) return short as CertificateName
  // Clients compare the four bytes, whatever form they were typed in.
  const bytes = [high, low].flatMap((part) => [
    Number.parseInt(part, 16) >> 8,
    Number.parseInt(part, 16) & 255,
  ])
  return bytes.join('.') as CertificateName
}

function whyNoHost(host: string, { wildcard = false }: NameOptions): string | undefined {
  if (host === '') return 'it is empty'
  if (host.includes('://')) return 'this is a URL; write the host only'
  if (/[^\u0021-\u007e]/.test(host)) return whyNotAscii(host)
  if (host.includes('/')) return 'a path or a network has no certificate; write the host or one address'
  const withPort = /^(?<name>[^:]+|\[.*\]):\d+$/.exec(host)?.groups?.['name']
  if (withPort !== undefined) return `a certificate holds for every port; write ${withPort}`
  const labels = (wildcard && host.startsWith('*.') ? host.slice(2) : host).split('.')
  if (labels[0] === '*')
    return 'a wildcard is for uploaded certificates; write the names that the box answers to'
  if (host.includes('_')) return 'Docker takes no host with an underscore'
  if (host.length > 253 || labels.some((label) => label.length > 63)) return TOO_LONG
  if (/^[0-9]+$|^0x[0-9a-f]*$/.test(labels.at(-1) ?? '')) return 'it looks like an address and is none'
  if (labels.every((label) => LABEL.test(label))) return undefined
  return 'a host is made of letters, digits and inner hyphens, in parts divided by dots'
}

const TOO_LONG = 'a host has up to 253 characters, and up to 63 between two dots'

/** Said and not done: a letter that looks like another one would go into a certificate unseen. */
function whyNotAscii(host: string): string {
  const ascii = domainToASCII(host)
  const isHost = ascii !== '' && !isIPv6(ascii) && whyNoHost(ascii, { wildcard: true }) === undefined
  return isHost ? `write it in ASCII: ${ascii}` : 'it has characters that no host has'
}
