import { isIP } from 'node:net'
import { getDomain } from 'tldts'
import type { UpstreamSettings } from '../mirror-settings.js'

/** Where people have their images, as they type it. */
const KNOWN_HOSTS = [
  ...['docker.io', 'registry-1.docker.io', 'index.docker.io', 'auth.docker.io', 'registry.hub.docker.com'],
  ...['quay.io', 'ghcr.io', 'gcr.io', 'icr.io', 'registry.k8s.io', 'k8s.gcr.io', 'mcr.microsoft.com'],
  ...['docker.elastic.co', 'registry.gitlab.com', 'public.ecr.aws', 'nvcr.io', 'lscr.io', 'cgr.dev'],
  ...['registry.access.redhat.com', 'registry.redhat.io', 'registry.connect.redhat.com', 'docker.pkg.dev'],
]
/** Domains long enough that one letter's difference is no coincidence. */
const KNOWN_DOMAINS = [
  ...['docker.io', 'docker.com', 'quay.io', 'ghcr.io', 'microsoft.com', 'elastic.co', 'gitlab.com'],
  ...['redhat.io', 'redhat.com', 'amazonaws.com', 'azurecr.io'],
]

/** A host that somebody may have meant to type differently. */
export interface Misspelling {
  readonly typed: string
  readonly meant: string
  /** For a person, with what to do. */
  readonly sentence: string
}

/** The first of an upstream's hosts that is one letter off a known one; undefined when all look right. */
export function findMisspelling(settings: Pick<UpstreamSettings, 'host' | 'urls'>): Misspelling | undefined {
  for (const typed of [
    settings.host.replace(/_\d+$/, ''),
    ...settings.urls.map(({ hostname }) => hostname),
  ]) {
    const meant = findMeant(typed)
    if (meant !== undefined)
      return {
        typed,
        meant,
        sentence: `the upstream ${typed} is one letter off ${meant}: correct it, or set confirmed: true; until then it sees no password`,
      }
  }
  return undefined
}

function findMeant(host: string): string | undefined {
  const name = host.toLowerCase()
  if (isIP(name) !== 0 || KNOWN_HOSTS.includes(name)) return undefined
  const domain = getDomain(name)
  if (domain !== null && [...KNOWN_DOMAINS, ...KNOWN_HOSTS].includes(domain)) return undefined
  const byName = KNOWN_HOSTS.find((known) => isOneLetterOff(name, known))
  return byName ?? KNOWN_DOMAINS.find((known) => domain !== null && isOneLetterOff(domain, known))
}

/** One letter too many, too few, another one, or two that changed places. */
function isOneLetterOff(one: string, other: string): boolean {
  if (one === other) return false
  let start = 0
  while (start < one.length && one[start] === other[start]) start += 1
  const [a, b] = [one.slice(start), other.slice(start)]
  if (a.slice(1) === b.slice(1) || a.slice(1) === b || a === b.slice(1)) return true
  return a.slice(2) === b.slice(2) && a[0] === b[1] && a[1] === b[0]
}
