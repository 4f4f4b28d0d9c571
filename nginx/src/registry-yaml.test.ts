import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'

import { RegistryRefused, type RegistrySettings, renderRegistry } from './registry-yaml.js'

const HASH = `$2b$10$${'a'.repeat(53)}`
const SETTINGS: RegistrySettings = {
  storeRoot: '/srv/entrepot/store',
  deletes: true,
  sockets: [
    { socket: '/srv/entrepot/run/core.sock', anonymous: 'pull' },
    { socket: '/srv/entrepot/run/core-local.sock', anonymous: 'push' },
  ],
  internalSocket: '/srv/entrepot/run/control.sock',
  mirrors: {
    default: 'docker.io',
    upstreams: [
      { host: 'docker.io', username: 'me', password: '0123: "yes"' },
      { host: 'registry.example:5000', urls: ['http://registry.example:5000'], freshFor: '10m' },
    ],
  },
  access: {
    accounts: [
      { name: 'ci-web', secretHash: HASH, rights: [{ repositories: ['team-web/**'], actions: ['push'] }] },
    ],
  },
}

test('the file says what the settings say, for its owner alone', () => {
  const { path, mode, text } = renderRegistry(SETTINGS)
  expect([path, mode]).toEqual(['registry.yml', 0o600])
  expect(parse(text)).toEqual({
    version: '0.1',
    storage: { filesystem: { rootdirectory: '/srv/entrepot/store' }, delete: { enabled: true } },
    listeners: [
      { socket: '/srv/entrepot/run/core.sock', view: 'header', anonymous: 'pull' },
      { socket: '/srv/entrepot/run/core-local.sock', view: 'header', anonymous: 'push' },
    ],
    internal: { socket: '/srv/entrepot/run/control.sock' },
    mirrors: SETTINGS.mirrors,
    access: { ...SETTINGS.access, anonymous: 'none' },
  })
})

function findingsOf(settings: RegistrySettings): readonly string[] {
  try {
    renderRegistry(settings)
    return []
  } catch (error) {
    if (error instanceof RegistryRefused) return error.findings
    throw error
  }
}

test.each<[Partial<RegistrySettings>, string]>([
  [{ mirrors: { upstreams: [{ host: 'quay' }] } }, 'mirrors.upstreams[0].host is "quay"; allowed is '],
  [
    { mirrors: { upstreams: [{ host: 'quay.io', urls: ['file:///etc/passwd'] }] } },
    'mirrors.upstreams[0].urls[0] is "file:///etc/passwd"; allowed is ',
  ],
  [
    { access: { accounts: [{ name: 'a:b', secretHash: HASH }] } },
    'access.accounts[0].name is "a:b"; allowed is ',
  ],
  [
    { access: { accounts: [{ name: 'a', secretHash: 'secret' }] } },
    'access.accounts[0].secretHash is not shown; allowed is ',
  ],
  [{ overlay: { prefer: 'both' as 'local' } }, 'overlay.prefer is "both"; allowed is '],
])('what the core would refuse is refused in its words: %j', (changes, sentence) => {
  const findings = findingsOf({ ...SETTINGS, ...changes })
  expect(findings[0]).toContain(sentence)
  expect(findings.join()).not.toContain('"secret"')
})

const TEXTS = [
  'yes',
  'no',
  '1e3',
  '0123',
  '1.10',
  '0x1f',
  '~',
  'null',
  'true',
  '!!js/function',
  '*a',
  '&a',
  '<<',
]
const HARD = [
  '- a',
  '{a: b}',
  '# a',
  'a: b',
  "it's",
  '"',
  '\\',
  '__proto__',
  ' a ',
  'a\nb',
  '\u2028',
  '\u0000',
  '🚢',
]

test('any text is the same text in the file, or refused', () => {
  const text = fc.oneof(fc.constantFrom(...TEXTS, ...HARD), fc.string(), fc.string({ unit: 'binary' }))
  let accepted = 0
  fc.assert(
    fc.property(text, text, (password, username) => {
      const upstream = { host: 'quay.io', username, password }
      const settings = { ...SETTINGS, mirrors: { upstreams: [upstream] } }
      if (findingsOf(settings).length > 0) return
      accepted += 1
      const read = parse(renderRegistry(settings).text) as { mirrors: { upstreams: readonly unknown[] } }
      expect(read.mirrors.upstreams).toEqual([upstream])
    }),
    { numRuns: 2000 },
  )
  expect(accepted).toBeGreaterThan(500)
})
