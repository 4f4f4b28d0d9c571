import { RegistryError } from '../oci/failure.js'

/** Which part of a list is asked for. */
export interface Page {
  readonly limit: number | undefined
  readonly last: string | undefined
}

/** The parameters that mean something here, decoded; all others are ignored (`_state` too). */
export interface Query {
  readonly page: Page
  readonly digest: string | undefined
  readonly mount: string | undefined
  readonly from: string | undefined
  readonly artifactType: string | undefined
  readonly digestAlgorithm: string | undefined
  readonly namespace: string | undefined
  readonly tags: readonly string[]
}

/** RFC 3986's characters of a query, and whole escapes; nginx holds the same line. */
export const QUERY_PATTERN = "^(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f][0-9A-Fa-f])*$"
const QUERY = new RegExp(QUERY_PATTERN)

/** distribution-spec, end-7b: at least 10 must work. */
const TAGS_LIMIT = 32

const SINGLE = new Set(['n', 'last', 'digest', 'mount', 'from', 'artifactType', 'digest-algorithm', 'ns'])

const NO_PAGE: Page = { limit: undefined, last: undefined }
const NO_QUERY: Query = {
  page: NO_PAGE,
  digest: undefined,
  mount: undefined,
  from: undefined,
  artifactType: undefined,
  digestAlgorithm: undefined,
  namespace: undefined,
  tags: [],
}

/**
 * Reads a raw query, without its question mark. A plus stays a plus: media types have one, and nothing here has a space.
 * @throws RegistryError `target-malformed`, `page-number-invalid`, `too-many-tags`
 */
export function parseQuery(text: string): Query {
  if (text === '') return NO_QUERY
  if (!QUERY.test(text)) throw malformedTarget('its query has a character that must be escaped')
  const found = new Map<string, string>()
  const tags: string[] = []
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    if (name === 'tag') tags.push(decode(pair.slice(equals + 1)))
    else if (SINGLE.has(name)) {
      if (found.has(name)) throw malformedTarget(`the parameter ${name} stands in it twice`)
      found.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
    }
  }
  if (tags.length > TAGS_LIMIT)
    throw new RegistryError('too-many-tags', { count: tags.length, limit: TAGS_LIMIT })
  return {
    page: { limit: parseLimit(found.get('n')), last: found.get('last') },
    digest: found.get('digest'),
    mount: found.get('mount'),
    from: found.get('from'),
    artifactType: found.get('artifactType'),
    digestAlgorithm: found.get('digest-algorithm'),
    namespace: found.get('ns'),
    tags,
  }
}

/** By hand, since the platform's decoders take what is not UTF-8, or ASCII, in their own ways. */
function decode(value: string): string {
  if (!value.includes('%')) return value
  const decoded = value.replaceAll(/%(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  if (!/^[\x20-\x7e]*$/.test(decoded))
    throw malformedTarget('its query has an escape that is no printable ASCII')
  return decoded
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[0-9]{1,100}$/.test(text)) throw new RegistryError('page-number-invalid', { found: text })
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

/** The failure of a target that no grammar here knows. */
export function malformedTarget(why: string): RegistryError {
  return new RegistryError('target-malformed', { why })
}
