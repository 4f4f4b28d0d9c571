import fc from 'fast-check'

import type { RegistrySettings } from '#front/registry-yaml.js'
import type { FrontSettings, Listener } from '#front/settings.js'

const HOSTILE = [
  '"',
  "'",
  ';',
  '{',
  '}',
  '\\',
  '#',
  '$',
  ' ',
  '\n',
  '\0',
  '$host',
  '../',
  '//',
  '/',
  ':',
  '*',
  '%',
]
const HARMLESS = [
  'a',
  'Z',
  '0',
  '-',
  '_',
  '.',
  '=',
  '~',
  '@',
  ',',
  '[',
  ']',
  '(',
  ')',
  '|',
  '&',
  '<',
  '!',
  '?',
  'é',
  '倉',
]

/** The one that is right, and now and then the other. */
function mostly<T>(right: fc.Arbitrary<T>, other: fc.Arbitrary<T>, weight = 9): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: other })
}

const word = mostly(
  fc.string({ unit: fc.constantFrom(...HARMLESS), minLength: 1, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...HARMLESS, ...HOSTILE), maxLength: 12 }),
  30,
)
const place = word.map((text) => `/srv/${text}`)
const address = mostly(fc.constantFrom('127.0.0.1', '127.0.0.2', '::1', '0::1', '0.0.0.0', '::'), word, 30)
const port = mostly(fc.integer({ min: 20_000, max: 65_535 }), fc.integer(), 30)

function anyView() {
  const upstream = mostly(fc.constantFrom('quay.io', 'registry.example:5000', 'localhost'), word, 50)
  return fc.oneof(fc.constantFrom('registry', 'mirror'), fc.record({ upstream }))
}

function anyVirtualHosts() {
  const right = fc.constantFrom('quay.io', 'docker.io', 'a-b.example', `${'long.'.repeat(50)}abc`, '10.0.0.1')
  return fc.uniqueArray(fc.record({ names: fc.tuple(mostly(right, word, 50)), view: anyView() }), {
    maxLength: 3,
    selector: ({ names: [name] }) => name,
  })
}

function anyListener(pair: { readonly certificate: string; readonly key: string }): fc.Arbitrary<Listener> {
  const plain = fc.record(
    {
      kind: fc.constant('http'),
      ...{ address, port },
      ...{ view: anyView(), virtualHosts: anyVirtualHosts() },
      coreSocket: mostly(fc.constant('/srv/local.sock'), place),
      challenges: mostly(place, word),
    },
    { requiredKeys: ['kind', 'address', 'port'] },
  )
  const tls = plain.map(
    (one) => ({ ...one, certificate: pair.certificate, key: pair.key, kind: 'tls' }) as const,
  )
  const admin = fc
    .record({ address, port, apiSocket: place })
    .map((one) => ({ ...one, certificate: pair.certificate, key: pair.key, kind: 'admin' }) as const)
  const authority = fc.record({ kind: fc.constant('authority'), address, port })
  const challenge = fc.record({ kind: fc.constant('challenge'), address, port, folder: place })
  return fc.oneof(plain, tls, admin, authority, challenge) as fc.Arbitrary<Listener>
}

/** Settings of which most are right, and each part is wrong now and then. */
export function anySettings(
  nginxVersion: string,
  made: {
    readonly certificate: string
    readonly key: string
    readonly authority: string
    /** What the front's own folder begins with. */
    readonly prefix?: string
  },
): fc.Arbitrary<FrontSettings> {
  const size = mostly(
    fc.constantFrom('0', '16384m', '20g', '512K', '7', '999999999g'),
    fc.constantFrom('-1', '1.5g', '', '1m;', '1mb', '9999999999g', '0x10'),
  )
  const generation = fc.record({
    folder: mostly(fc.constantFrom('/srv/generations/1', '/srv/generations/2026.a-b_c'), place),
    socket: place,
  })
  return fc.record(
    {
      prefix: word.map((text) => (made.prefix === undefined ? text : `${made.prefix}/${text}`)),
      generation,
      nginxVersion: fc.constant(nginxVersion),
      coreSocket: place,
      storeRoot: place,
      listeners: fc.array(anyListener(made), { minLength: 1, maxLength: 4 }),
      workers: mostly(fc.integer({ min: 1, max: 8 }), fc.oneof(fc.integer(), fc.double())),
      connectionsPerWorker: mostly(fc.integer({ min: 512, max: 4096 }), fc.oneof(fc.integer(), fc.double())),
      maxUploadSize: size,
      timeoutSeconds: mostly(fc.integer({ min: 1, max: 86_400 }), fc.double()),
      authority: mostly(fc.constant(made.authority), word, 30),
    },
    { requiredKeys: ['prefix', 'nginxVersion', 'coreSocket', 'storeRoot', 'listeners', 'authority'] },
  )
}

const YAMLS = [
  'yes',
  'no',
  '1e3',
  '0123',
  '1.10',
  '0x1f',
  '~',
  'null',
  '!!js/function',
  '*a',
  '&a',
  '<<',
  '- a',
  '# a',
  'a: b',
  '__proto__',
]
const phrase = fc.oneof(
  word,
  fc.constantFrom(...YAMLS),
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 5 }),
)

/** The same for the core's file. */
export function anyRegistry(): fc.Arbitrary<RegistrySettings> {
  const host = mostly(fc.constantFrom('quay.io', 'docker.io', 'registry.example:5000', 'ghcr.io'), phrase, 30)
  const url = mostly(fc.constantFrom('https://mirror.example', 'http://10.0.0.1:5000'), phrase, 20)
  const upstream = fc.record(
    {
      host,
      urls: fc.array(url, { minLength: 1, maxLength: 2 }),
      freshFor: mostly(fc.constant('10m'), phrase),
    },
    { requiredKeys: ['host'] },
  )
  const withLogin = fc.record({ host, username: mostly(fc.constant('me'), phrase, 3), password: phrase })
  const repositories = fc.array(mostly(fc.constantFrom('**', 'team/*', 'a-b/c.d/**'), phrase, 20), {
    minLength: 1,
    maxLength: 2,
  })
  const right = fc.record({
    repositories,
    actions: fc.subarray<'pull' | 'push' | 'delete'>(['pull', 'push', 'delete'], { minLength: 1 }),
  })
  const account = fc.record({
    name: mostly(
      fc.string({
        unit: fc.constantFrom('a', 'Z', '0', '-', '_', '.', ' ', '#', '"'),
        minLength: 1,
        maxLength: 9,
      }),
      phrase,
      20,
    ),
    secretHash: mostly(fc.constant(`$2b$10$${'a'.repeat(53)}`), phrase, 30),
    rights: fc.array(right, { maxLength: 2 }),
  })
  const socket = fc.constant('/srv/run/core.sock')
  return fc.record({
    storeRoot: mostly(fc.constant('/srv/store'), phrase),
    deletes: fc.boolean(),
    sockets: fc.tuple(fc.record({ socket, anonymous: fc.constantFrom('push', 'pull', 'none') })),
    internalSocket: fc.constant('/srv/run/control.sock'),
    mirrors: fc.record({ upstreams: fc.array(fc.oneof(upstream, withLogin), { maxLength: 2 }) }),
    access: fc.record({ accounts: fc.array(account, { maxLength: 2 }) }),
  })
}
