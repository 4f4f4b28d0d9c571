/** A request line's method and raw target, as bytes of latin1. */
export interface Asked {
  readonly method: string
  readonly target: string
}

type Chance = () => number

const HEX = '0123456789abcdef'.repeat(4)
const NAMES = [
  'a',
  'team/app',
  'a/manifests/b',
  'x/blobs/uploads',
  'a.b_c-d/e__f',
  'library/alpine',
  '_x',
  'A',
]
const TAGS = ['x', 'v1.0', '_a', '-a', 'x:y', 'a'.repeat(128), 'a'.repeat(129)]
const DIGESTS = [
  `sha256:${HEX}`,
  `sha256%3A${HEX}`,
  `sha256%3a${HEX}`,
  'sha256:ab',
  'md5:ab',
  `sha512:${HEX}`,
]
const UPLOADS = ['', '0b7c2f9a-6f0e-4c0e-9d1c-0123456789ab', 'a..b', '0']
const KEYS = [
  'n',
  'last',
  'digest',
  'mount',
  'from',
  'artifactType',
  'digest-algorithm',
  'ns',
  'tag',
  '_state',
  'x',
]
/** What two readers of a target may take for different things. */
const ODD: readonly string[] = [
  ...[
    '%2F',
    '%2f',
    '%2e',
    '%2E%2e',
    '%5C',
    '%5c',
    '%00',
    '%0d%0a',
    '%09',
    '%20',
    '%23',
    '%3F',
    '%3f',
    '%25',
    '%252F',
  ],
  ...['%3A', '%3a', '%3B', '%26', '%61', '%C0%AF', '%c3%a9', '%', '%2', '%zz', '%u002f', '%%32%66'],
  ...['/', '//', '/.', '/./', '/..', '/../', '/..;/', '/.;x/', '...', '..', '.', ';', ';x=1', ':', '::'],
  ...[
    '?',
    '??',
    '&',
    '=',
    '#',
    '\\',
    '\\..\\',
    '"',
    "'",
    '<',
    '>',
    '^',
    '`',
    '{',
    '|',
    '}',
    '~',
    '!',
    '$',
    '(',
    ')',
  ],
  ...['*', '+', ',', '@', '[', ']', ' ', '\t', '\u0001', '\u001b[2J', '\u007f', '\u0080', '\u00a0', '\u00ff'],
  ...[
    '\u00c3\u00a9',
    '\u00ef\u00bc\u008f',
    '\u00e2\u0080\u00ae',
    '$request_uri',
    '${host}',
    '/v2/',
    '/v2',
    '_blobs/',
  ],
]
const FRONTS = [
  'http://127.0.0.1',
  'https://evil.test',
  'HTTP://a',
  'http:/',
  'ftp://a',
  'a:b',
  '*',
  '//evil.test',
  '',
]
const PLACES = [
  '/',
  '/v2',
  '/v2/',
  '/token',
  '/healthz',
  '/readyz',
  '/_errors/400.json',
  '/_blobs/x',
  '/ca',
  '/ca.pem',
  '/metrics',
  '/api/v1/health',
]
const METHODS = ['HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE', 'PROPFIND']

/** One request of the grammar, most of them with something in it that the grammar does not have. */
export function anyAsked(chance: Chance): Asked {
  const method = chance() < 0.8 ? 'GET' : pick(METHODS, chance)
  let target = wellFormed(chance)
  const changes = Math.floor(chance() * 4)
  for (let change = 0; change < changes; change += 1) target = changed(target, chance)
  if (chance() < 0.01) target = lengthened(target, chance)
  return { method, target }
}

function wellFormed(chance: Chance): string {
  if (chance() < 0.1) return pick(PLACES, chance)
  const name = pick(NAMES, chance)
  const ends = [
    () => '/tags/list',
    () => `/manifests/${pick(chance() < 0.5 ? TAGS : DIGESTS, chance)}`,
    () => `/blobs/${pick(DIGESTS, chance)}`,
    () => `/referrers/${pick(DIGESTS, chance)}`,
    () => `/blobs/uploads/${pick(UPLOADS, chance)}`,
  ]
  const path = chance() < 0.05 ? '/v2/_catalog' : `/v2/${name}${pick(ends, chance)()}`
  return chance() < 0.3 ? `${path}?${query(chance)}` : path
}

function query(chance: Chance): string {
  const values = [...TAGS, ...DIGESTS, ...NAMES, '0', '-1', '10000000000000', 'quay.io', 'sha256', '']
  const pairs = Array.from(
    { length: 1 + Math.floor(chance() * 3) },
    () => `${pick(KEYS, chance)}${chance() < 0.9 ? '=' : ''}${pick(values, chance)}`,
  )
  return pairs.join('&')
}

function changed(target: string, chance: Chance): string {
  const at = Math.floor(chance() * (target.length + 1))
  const [before, after] = [target.slice(0, at), target.slice(at)]
  const ways = [
    () => `${before}${pick(ODD, chance)}${after}`,
    () => `${before}${pick(ODD, chance)}${after.slice(1)}`,
    () => `${before}${String.fromCharCode(anyByte(chance))}${after.slice(1)}`,
    () => `${before}${upperCased(after.slice(0, 1))}${after.slice(1)}`,
    () => `${before}${escaped(after.slice(0, 1))}${after.slice(1)}`,
    () => `${before}${after.slice(1)}`,
    () => `${before}${after}${before}`,
    () => (chance() < 0.2 ? `${pick(FRONTS, chance)}${target}` : `${target}${pick(ODD, chance)}`),
  ]
  return pick(ways, chance)()
}

/** Any but the two that end a line: those are no part of any target. */
function anyByte(chance: Chance): number {
  const byte = 1 + Math.floor(chance() * 255)
  return byte === 10 || byte === 13 ? 47 : byte
}

/** ASCII's letters only: \xff in upper case is no byte any more. */
function upperCased(character: string): string {
  return /[a-z]/.test(character) ? character.toUpperCase() : character
}

function escaped(character: string): string {
  return character === '' ? '' : `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

/** Over what the core takes, and now and then over what nginx does. */
function lengthened(target: string, chance: Chance): string {
  const unit = pick(['a/', 'a', '.', '%3A', '%2e', '&tag=a', ';', '/..'], chance)
  const limit = chance() < 0.9 ? 12_000 : 40_000
  return `${target}${unit.repeat(Math.ceil((chance() * limit) / unit.length))}`
}

function pick<T>(choices: readonly T[], chance: Chance): T {
  const found = choices[Math.floor(chance() * choices.length)]
  if (found === undefined) throw new Error('nothing to choose from')
  return found
}
