import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

import { type Directive, parseDirectives } from './directives.js'
import { GOLDEN_EXAMPLES } from './golden-examples.js'
import {
  type FrontSettings,
  type ListenerView,
  type RenderedFile,
  renderFront,
  type VirtualHost,
} from './render.js'
import { findTraps } from './traps.js'

const GOLDEN = fileURLToPath(new URL('../golden/', import.meta.url))
const examples = Object.entries(GOLDEN_EXAMPLES)

/** `UPDATE_GOLDEN=1` writes the examples anew: for a change that is meant, to be read in its diff. */
if (process.env['UPDATE_GOLDEN'] === '1') {
  for (const [name, settings] of examples) {
    rmSync(path.join(GOLDEN, name), { recursive: true, force: true })
    for (const file of renderFront(settings)) {
      mkdirSync(path.dirname(path.join(GOLDEN, name, file.path)), { recursive: true })
      writeFileSync(path.join(GOLDEN, name, file.path), file.text)
    }
  }
}

function textOf(files: readonly RenderedFile[]): Readonly<Record<string, string>> {
  return Object.fromEntries(files.map(({ path: name, text }) => [name, text]))
}

function filesBelow(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const file = path.join(parentPath, name)
      return [path.relative(folder, file), readFileSync(file, 'utf8')]
    }),
  )
}

const SOME = firstExample()

function firstExample(): FrontSettings {
  const [first] = Object.values(GOLDEN_EXAMPLES)
  if (first === undefined) throw new Error('no example')
  return first
}

function confOf(changes: Partial<FrontSettings>): string {
  return renderFront({ ...SOME, ...changes })[0]?.text ?? ''
}

test.each(examples)('%s is rendered as its golden example', (name, settings) => {
  expect(textOf(renderFront(settings))).toEqual(filesBelow(path.join(GOLDEN, name)))
})

test('no golden example is left over', () => {
  expect(readdirSync(GOLDEN).sort()).toEqual(Object.keys(GOLDEN_EXAMPLES).sort())
})

test.each(examples)('%s falls into no known trap', (_, settings) => {
  const conf = renderFront(settings).filter(({ path: name }) => name.endsWith('.conf'))
  expect(conf.map(({ text }) => findTraps(text))).toEqual([[]])
})

test.each(examples)('every body of %s is an OCI error', (_, settings) => {
  const bodies = renderFront(settings).filter(({ path: name }) => name.startsWith('errors/'))
  expect(bodies.length).toBeGreaterThan(10)
  for (const { text } of bodies) {
    const error = { code: expect.stringMatching(/^[A-Z_]+$/), message: expect.stringMatching(/^.{10}/) }
    expect(JSON.parse(text)).toEqual({ errors: [expect.objectContaining(error)] })
  }
})

test('every body that the configuration names is rendered', () => {
  const files = renderFront(SOME)
  const named = [...confOf({}).matchAll(/\/_errors\/([\w-]+\.json)/g)].map(([, name]) => `errors/${name}`)
  expect(named.length).toBeGreaterThan(10)
  expect(files.map(({ path: name }) => name)).toEqual(expect.arrayContaining(named))
})

const TLS = { kind: 'tls', address: '127.0.0.1', port: 1, certificate: '/c', key: '/k' } as const

test.each(['1.18.0', '1.22.1', '1.25.0'])('nginx %s has HTTP/2 in the listen line', (nginxVersion) => {
  const conf = confOf({ nginxVersion, listeners: [TLS] })
  expect(conf).toContain('listen 127.0.0.1:1 ssl http2 default_server backlog=4096;')
  expect(conf).not.toContain('http2 on;')
})

test.each(['1.25.1', '1.26.3', '1.30.6', '2.0.0'])('nginx %s has HTTP/2 as a directive', (nginxVersion) => {
  const conf = confOf({ nginxVersion, listeners: [TLS] })
  expect(conf).toContain('listen 127.0.0.1:1 ssl default_server backlog=4096;')
  expect(conf).toContain('http2 on;')
})

test('idle connections are spared at a reload by every nginx that can', () => {
  expect(confOf({ nginxVersion: '1.27.3' })).not.toContain('keepalive_min_timeout')
  expect(confOf({ nginxVersion: '1.27.4' })).toContain('keepalive_min_timeout 10s;')
})

test('both wildcards listen side by side on one port', () => {
  const conf = confOf({
    listeners: [
      { ...TLS, address: '0.0.0.0' },
      { ...TLS, address: '::' },
    ],
  })
  expect(conf).toContain('listen 0.0.0.0:1 ')
  expect(conf).toContain('listen [::]:1 ')
})

/** Server names of each block with what it tells the core. */
function viewsOf(conf: string): readonly (readonly string[])[] {
  const servers = parseDirectives(conf).find(({ name }) => name === 'http')?.block ?? []
  return servers
    .filter(({ name }) => name === 'server')
    .flatMap(({ block }) => {
      const names = block.find(({ name }) => name === 'server_name')?.args ?? []
      const passing = block.filter((inner) => inner.block.some(({ name }) => name === 'proxy_pass'))
      return passing.map((location) =>
        [names, headerOf(location, 'X-Entrepot-View'), headerOf(location, 'X-Entrepot-Upstream')].map(String),
      )
    })
}

function headerOf({ block }: Directive, header: string): string | undefined {
  return block.find(({ name, args }) => name === 'proxy_set_header' && args[0] === header)?.args[1]
}

test.each<[ListenerView | undefined, string, string]>([
  [undefined, 'registry', ''],
  ['registry', 'registry', ''],
  ['mirror', 'mirror', ''],
  [{ upstream: 'quay.io' }, 'upstream', 'quay.io'],
  [{ upstream: 'registry.example:5000' }, 'upstream', 'registry.example_5000'],
])('a listener with the view %j tells the core so wherever it asks', (view, said, upstream) => {
  const conf = confOf({ listeners: [{ ...TLS, ...(view && { view }) }] })
  expect(viewsOf(conf)).toEqual([
    ['', said, upstream],
    ['', said, upstream],
  ])
})

test('virtual hosts have views of their own, and every other host that of the listener', () => {
  const virtualHosts: readonly VirtualHost[] = [
    { names: ['quay.io', 'www.quay.io'], view: { upstream: 'quay.io' } },
    { names: ['push.example'], view: 'registry' },
  ]
  const conf = confOf({ listeners: [{ ...TLS, view: 'mirror', virtualHosts }] })
  const each = [
    ['', 'mirror', ''],
    ['quay.io,www.quay.io', 'upstream', 'quay.io'],
    ['push.example', 'registry', ''],
  ]
  expect(viewsOf(conf)).toEqual(each.flatMap((one) => [one, one]))
  expect(conf.match(/default_server/g)).toHaveLength(1)
})

const UPSTREAM = { upstream: 'quay.io' }

function hosts(...names: readonly string[]): Partial<FrontSettings> {
  return { listeners: [{ ...TLS, virtualHosts: [{ names, view: UPSTREAM }] }] }
}

test.each<[string, Partial<FrontSettings>]>([
  ['upstream', { listeners: [{ ...TLS, view: { upstream: 'quay' } }] }],
  ['upstream', { listeners: [{ ...TLS, view: { upstream: 'quay.io;' } }] }],
  ['upstream', { listeners: [{ ...TLS, view: { upstream: '$http_host' } }] }],
  ['upstream', { listeners: [{ ...TLS, view: { upstream: '' } }] }],
  ['virtualHosts', hosts()],
  ['virtualHosts', hosts('')],
  ['virtualHosts', hosts('_')],
  ['virtualHosts', hosts('~^.+$')],
  ['virtualHosts', hosts('*.io')],
  ['virtualHosts', hosts('.quay.io')],
  ['virtualHosts', hosts('Quay.io')],
  ['virtualHosts', hosts('quay.io:443')],
  ['virtualHosts', hosts('quay.io quay.com')],
  ['virtualHosts', hosts(`${'a.'.repeat(126)}aa`)],
  ['virtualHosts', hosts('quay.io', 'quay.io')],
  ['prefix', { prefix: 'relative/folder' }],
  ['prefix', { prefix: '/a/../b' }],
  ['prefix', { prefix: '/a; include /etc/passwd' }],
  ['storeRoot', { storeRoot: '/data/$host' }],
  ['storeRoot', { storeRoot: '' }],
  ['coreSocket', { coreSocket: `/${'s'.repeat(107)}` }],
  ['nginxVersion', { nginxVersion: '1.22' }],
  ['user', { user: 'root;' }],
  ['workers', { workers: 0 }],
  ['maxUploadSize', { maxUploadSize: '16384mb' }],
  ['maxUploadSize', { maxUploadSize: '-1' }],
  ['timeoutSeconds', { timeoutSeconds: 1.5 }],
  ['listeners', { listeners: [] }],
  ['listeners', { listeners: [TLS, { kind: 'http', address: '127.0.0.1', port: 1 }] }],
  ['listeners', { listeners: [{ ...TLS, address: '0.0.0.0' }, TLS] }],
  [
    'listeners',
    {
      listeners: [
        { ...TLS, address: '::1' },
        { ...TLS, address: '0:0:0::1' },
      ],
    },
  ],
  ['address', { listeners: [{ kind: 'http', address: 'localhost', port: 1 }] }],
  ['address', { listeners: [{ kind: 'http', address: '::ffff:127.0.0.1', port: 1 }] }],
  ['port', { listeners: [{ kind: 'http', address: '127.0.0.1', port: 0 }] }],
  ['certificate', { listeners: [{ ...TLS, certificate: 'c.pem' }] }],
])('a setting that nginx would not take is refused by its name: %s %j', (setting, changes) => {
  expect(() => confOf(changes)).toThrow(expect.objectContaining({ setting }))
})
