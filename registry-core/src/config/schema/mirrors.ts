import { z } from 'zod'
import {
  findNameServer,
  findRange,
  findRealmHost,
  findUpstreamHost,
  HOST_FORM,
  NAME_SERVER_FORM,
  RANGE_FORM,
  readProxyUrl,
  readUpstreamUrl,
  REALM_FORM,
  URL_FORM,
} from '../upstream-address.js'
import { repositoryGlob, tagGlob } from './globs.js'
import { boolean, choice, duration, integer, MAP, parsed, PORTABLE_PATH, size, text } from './values.js'

const FRESH =
  'a duration (5m), or a list like [{repository: library/*, tag: latest, freshFor: 1h}, {freshFor: 5m}]'
const CONNECTIONS = 'a number from 1 to 1000'

/** Names of Docker Hub that mean `docker.io`. */
export const HUB_ALIASES: readonly string[] = ['index.docker.io', 'registry-1.docker.io']

const host = (description: string) => parsed(findUpstreamHost, HOST_FORM, description)

/** An address that is read by a function whose other answer is what is allowed. */
const url = (read: (text: string) => URL | string, description: string) =>
  z
    .string(URL_FORM)
    .transform((given, context): URL => {
      const found = read(given)
      if (typeof found !== 'string') return found
      context.addIssue({ code: 'custom', message: found })
      return z.NEVER
    })
    .meta({ description })

const list = <T extends z.ZodType>(item: T, form: string, description: string) =>
  z.array(item, form).meta({ description }).prefault([])

const freshRule = z.strictObject(
  {
    repository: repositoryGlob.prefault('**'),
    tag: tagGlob.prefault('*'),
    freshFor: duration(''),
  },
  MAP,
)

/** 404 as a number or as a text. */
const status = z
  .preprocess(
    (value) => (typeof value === 'string' ? Number(value) : value),
    z.union([z.literal(404), z.literal(503)], '404 or 503'),
  )
  .meta({
    description:
      'What a client is answered when nothing is cached and the upstream cannot be had: 404 sends it on, 503 makes it wait.',
  })
  .prefault(404)

const credentials = {
  username: text(
    'Who asks there; nobody when missing.',
    'a printable text without a colon',
    /^[\x20-\x39\x3b-\x7e]+$/,
  ).optional(),
  password: text('Its password, or a token.').optional(),
  passwordFile: text(
    'Or a file that holds the password; read again when it changes.',
    PORTABLE_PATH,
  ).optional(),
}

const network = {
  ca: text('PEM certificates to trust besides those of the system.', PORTABLE_PATH).optional(),
  proxy: url(
    readProxyUrl,
    'The proxy to go through; when missing, what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.',
  ).optional(),
  proxyPasswordFile: text(
    'A file that holds the password of the user whom proxy names.',
    PORTABLE_PATH,
  ).optional(),
  noProxy: list(
    text('', 'a host, .domain, *.domain, a range of addresses, or *', /^[A-Za-z0-9.*:/_[\]-]+$/),
    'a list of hosts and ranges',
    'What is asked without that proxy.',
  ),
  dns: list(
    parsed(findNameServer, NAME_SERVER_FORM, ''),
    'a list of addresses',
    'Name servers to ask instead of those of the system.',
  ),
  realms: list(
    parsed(findRealmHost, REALM_FORM, ''),
    'a list of hosts',
    'Further hosts that may see the password, as token services.',
  ),
  allowAddresses: list(
    parsed(findRange, RANGE_FORM, ''),
    'a list of ranges',
    'Addresses that may be dialled although they are loopback, link-local, or private behind a redirect.',
  ),
  maxConnections: integer('The most downloads from it at once; others wait.', CONNECTIONS)
    .refine((count) => count >= 1 && count <= 1000, CONNECTIONS)
    .prefault(16),
  maxBytesPerSecond: size('Of all its downloads together; as fast as it goes when missing.')
    .refine((bytes) => bytes >= 1024, '1k or more')
    .optional(),
}

/** One of `mirrors.upstreams`. */
export const upstream = z
  .strictObject(
    {
      host: host('What it is called before images, in ns, and in the store.'),
      aliases: list(host(''), 'a list of hosts', 'Further names that mean it.'),
      urls: z
        .array(url(readUpstreamUrl, ''), 'a list of addresses')
        .min(1, 'one address at least')
        .meta({ description: 'Where it is asked, in order of preference.' })
        .optional(),
      ...credentials,
      ...network,
      freshFor: z
        .union([duration(''), z.array(freshRule)], FRESH)
        .meta({
          description:
            'How long a cached tag is served without asking; a list has rules, of which the first that matches counts.',
        })
        .optional(),
      whenMissing: status,
      expose: choice(
        ['public', 'all', 'accounts'],
        'Who is served what only username may see: nobody, everybody who may pull, or accounts that may.',
      ).prefault('accounts'),
      confirmed: boolean(
        'The host is meant as it is written, although it looks like a known one misspelt.',
      ).prefault(false),
    },
    MAP,
  )
  .superRefine((each, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message })
    const { username, password, passwordFile } = each
    if (HUB_ALIASES.includes(each.host)) refuse('host', 'docker.io, which is the same')
    if (password !== undefined && passwordFile !== undefined)
      refuse('passwordFile', 'one of password and passwordFile')
    const hasPassword = password !== undefined || passwordFile !== undefined
    if (username !== undefined && !hasPassword) refuse('password', 'password or passwordFile, with username')
    if (username === undefined && hasPassword) refuse('username', 'username, with password or passwordFile')
    if (each.noProxy.length > 0 && each.proxy === undefined) refuse('proxy', 'proxy, with noProxy')
    if (each.proxyPasswordFile !== undefined && (!each.proxy?.username || each.proxy.password !== ''))
      refuse('proxy', 'a proxy with a user and without a password, with proxyPasswordFile')
  })

/** `mirrors`: the registries whose content is fetched when somebody pulls it, and kept. */
export const mirrors = z
  .strictObject(
    {
      default: host(
        'The upstream that a bare name means; docker.io when missing, where that is one.',
      ).optional(),
      freshFor: duration(
        'How long a cached tag is served without asking; when missing 5m, for upstreams at private addresses 30s.',
      ).optional(),
      upstreams: z.array(upstream, 'a list of upstreams').prefault([]),
    },
    MAP,
  )
  .superRefine(({ default: bare, upstreams }, context) => {
    const owners = new Map<string, number>()
    for (const [at, { host: name, aliases }] of upstreams.entries())
      for (const [path, known] of namesOf(name, aliases)) {
        const owner = owners.get(known) ?? at
        owners.set(known, owner)
        if (owner === at) continue
        const message = `a name that no other upstream has: mirrors.upstreams[${owner}] has ${known}`
        context.addIssue({ code: 'custom', path: ['upstreams', at, ...path], message })
      }
    if (bare !== undefined && !owners.has(bare))
      context.addIssue({ code: 'custom', path: ['default'], message: 'the host of one of mirrors.upstreams' })
  })

/** Each name that means an upstream, and the key that says so. */
function namesOf(
  name: string,
  aliases: readonly string[],
): readonly (readonly [path: readonly PropertyKey[], name: string])[] {
  const known = name === 'docker.io' ? HUB_ALIASES : []
  return [
    ...[name, ...known].map((one) => [['host'], one] as const),
    ...aliases.map((one, at) => [['aliases', at], one] as const),
  ]
}
