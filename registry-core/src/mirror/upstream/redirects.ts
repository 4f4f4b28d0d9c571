import { UpstreamFailure } from './upstream-failure.js'

/** So many redirects are followed for one question. */
export const REDIRECTS = 5

const FOLLOWED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Ports at which no registry and no blob store answers, but something that a stray request could upset. */
const OTHER_SERVICES: ReadonlySet<string> = new Set(
  '21 22 23 25 53 110 111 135 139 143 389 445 465 587 636 993 995 1433 2049 2375 3306 3389 5432 6379 11211 27017'.split(
    ' ',
  ),
)

/**
 * Where an answer leads; undefined when it is none that is followed. Addresses are judged where they are dialled.
 * @throws UpstreamFailure `redirect` for one that is not followed
 */
export function redirectTarget(from: URL, status: number, location: string | undefined): URL | undefined {
  if (!FOLLOWED.has(status)) return undefined
  const refused = (why: string): UpstreamFailure =>
    new UpstreamFailure('redirect', `${from.host} redirects ${why}: that is not followed`, { status })
  if (location === undefined) throw refused('without saying where')
  // A URL's parser drops tabs and line breaks in silence; ours is not the only one that will read it.
  if (hasControls(location)) throw refused('to a place with control characters in it')
  const target = URL.parse(location, from.href)
  if (target === null) throw refused('to what is not a URL')
  if (target.protocol !== 'http:' && target.protocol !== 'https:')
    throw refused(`to ${target.protocol}, which is not HTTP`)
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw refused(`from https to http, at ${target.host}`)
  if (target.username !== '' || target.password !== '')
    throw refused(`to ${target.host} with a user name in the URL`)
  if (OTHER_SERVICES.has(target.port)) throw refused(`to the port of another service, ${target.host}`)
  target.hash = ''
  return target
}

function hasControls(text: string): boolean {
  return Array.from(text).some((character) => character <= ' ' || character === '\u007f')
}
