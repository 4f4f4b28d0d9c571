import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { ConfigurationError } from './configuration-error.js'
import { parseSettings } from './read-settings.js'
import { KNOWN_KEYS } from './known-keys.js'
import { REGISTRY2 } from './registry2.js'
import { describeSettings } from './schema.js'
import type { Settings } from './settings.js'

/** A value that is not the default, and what must stand beside it. */
interface Sample {
  readonly value: unknown
  readonly beside?: Readonly<Record<string, unknown>>
  /** Honoured by doing nothing: no part needs to know. */
  readonly hasNoEffect?: true
}

const HTTPS = { 'http.tls.certificate': '/c.pem', 'http.tls.key': '/k.pem' }
const HTPASSWD = { 'auth.htpasswd.realm': 'r', 'auth.htpasswd.path': '/htpasswd' }
const TOKEN = {
  'auth.token.realm': 'https://auth.example/token',
  'auth.token.service': 's',
  'auth.token.issuer': 'i',
  'auth.token.rootcertbundle': '/b.pem',
}
const REMOTE = { 'proxy.remoteurl': 'https://registry-1.docker.io' }
const PROBE = { 'health.http[].uri': 'http://a/' }
const ENDPOINT = { 'notifications.endpoints[].name': 'a', 'notifications.endpoints[].url': 'http://a/' }

const SAMPLES: Readonly<Record<string, Sample>> = {
  version: { value: '0.1', hasNoEffect: true },
  'log.level': { value: 'Debug' },
  'log.formatter': { value: 'json' },
  'log.fields': { value: { service: 'registry', instance: 7 } },
  'log.accesslog.disabled': { value: true },
  loglevel: { value: 'warn' },
  'storage.filesystem.rootdirectory': { value: '/elsewhere' },
  'storage.inmemory': { value: null, beside: { 'storage.filesystem': undefined } },
  'storage.delete.enabled': { value: true },
  'storage.maintenance.uploadpurging.enabled': { value: false },
  'storage.maintenance.uploadpurging.age': { value: '24h' },
  'storage.maintenance.uploadpurging.interval': { value: '24h' },
  'storage.maintenance.uploadpurging.dryrun': { value: true },
  'storage.maintenance.readonly.enabled': { value: true },
  'http.addr': { value: 'localhost:5001' },
  'http.net': { value: 'unix' },
  'http.host': { value: 'https://registry.example:5000' },
  'http.prefix': { value: '/registry/' },
  'http.secret': { value: 'asecretforlocaldevelopment', hasNoEffect: true },
  'http.draintimeout': { value: '60s' },
  'http.headers': { value: { 'X-Content-Type-Options': ['nosniff'], 'Access-Control-Max-Age': [1728000] } },
  'http.debug.addr': { value: 'localhost:5001' },
  'http.debug.prometheus.enabled': { value: true, beside: { 'http.debug.addr': ':5001' } },
  'http.debug.prometheus.path': {
    value: '/m',
    beside: { 'http.debug.addr': ':5001', 'http.debug.prometheus.enabled': true },
  },
  'http.tls.certificate': { value: '/other.pem', beside: HTTPS },
  'http.tls.key': { value: '/other.pem', beside: HTTPS },
  'http.tls.clientcas': { value: ['/ca.pem'], beside: HTTPS },
  'http.tls.minimumtls': { value: 'tls1.3', beside: HTTPS },
  'http.tls.ciphersuites': { value: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'], beside: HTTPS },
  'auth.htpasswd.realm': { value: 'basic-realm', beside: HTPASSWD },
  'auth.htpasswd.path': { value: '/other', beside: HTPASSWD },
  'auth.token.realm': { value: 'https://other.example/token', beside: TOKEN },
  'auth.token.service': { value: 'other', beside: TOKEN },
  'auth.token.issuer': { value: 'other', beside: TOKEN },
  'auth.token.rootcertbundle': { value: '/other.pem', beside: TOKEN },
  'auth.token.autoredirect': { value: true, beside: TOKEN },
  'auth.token.autoredirectpath': { value: '/auth', beside: { ...TOKEN, 'auth.token.autoredirect': true } },
  'auth.token.jwks': { value: '/jwks.json', beside: TOKEN },
  'auth.token.signingalgorithms': { value: ['ES256'], beside: TOKEN },
  'health.storagedriver.enabled': { value: true },
  'health.storagedriver.interval': { value: '20s', beside: { 'health.storagedriver.enabled': true } },
  'health.storagedriver.threshold': { value: 7, beside: { 'health.storagedriver.enabled': true } },
  'health.file[].file': { value: '/down' },
  'health.file[].interval': { value: '20s', beside: { 'health.file[].file': '/down' } },
  'health.file[].threshold': { value: 7, beside: { 'health.file[].file': '/down' } },
  'health.http[].uri': { value: 'http://b/', beside: PROBE },
  'health.http[].headers': { value: { Authorization: ['Basic QQ=='] }, beside: PROBE },
  'health.http[].statuscode': { value: 204, beside: PROBE },
  'health.http[].timeout': { value: '7s', beside: PROBE },
  'health.http[].interval': { value: '20s', beside: PROBE },
  'health.http[].threshold': { value: 7, beside: PROBE },
  'health.tcp[].addr': { value: 'db:6379' },
  'health.tcp[].timeout': { value: '7s', beside: { 'health.tcp[].addr': 'db:6379' } },
  'health.tcp[].interval': { value: '20s', beside: { 'health.tcp[].addr': 'db:6379' } },
  'health.tcp[].threshold': { value: 7, beside: { 'health.tcp[].addr': 'db:6379' } },
  'notifications.events.includereferences': { value: true, beside: ENDPOINT },
  'notifications.endpoints[].name': { value: 'b', beside: ENDPOINT },
  'notifications.endpoints[].disabled': { value: true, beside: ENDPOINT },
  'notifications.endpoints[].url': { value: 'http://b/', beside: ENDPOINT },
  'notifications.endpoints[].headers': { value: { Authorization: ['Bearer x'] }, beside: ENDPOINT },
  'notifications.endpoints[].timeout': { value: '7s', beside: ENDPOINT },
  'notifications.endpoints[].threshold': { value: 7, beside: ENDPOINT },
  'notifications.endpoints[].backoff': { value: '7s', beside: ENDPOINT },
  'notifications.endpoints[].ignoredmediatypes': { value: ['application/octet-stream'], beside: ENDPOINT },
  'notifications.endpoints[].ignore.mediatypes': { value: ['application/octet-stream'], beside: ENDPOINT },
  'notifications.endpoints[].ignore.actions': { value: ['pull'], beside: ENDPOINT },
  'proxy.remoteurl': { value: 'https://quay.io' },
  'proxy.username': { value: 'me', beside: { ...REMOTE, 'proxy.password': 'x' } },
  'proxy.password': { value: 'x', beside: { ...REMOTE, 'proxy.username': 'me' } },
  'catalog.maxentries': { value: 50 },
  'validation.enabled': { value: true, beside: { 'validation.disabled': true } },
  'validation.disabled': { value: true, beside: { 'validation.enabled': false } },
  'validation.manifests.urls.allow': { value: ['^https?://([^/]+\\.)*example\\.com/'] },
  'validation.manifests.urls.deny': { value: ['^https?://www\\.example\\.com/'] },
  'log.hooks': { value: [{ type: 'mail', levels: ['panic'] }] },
  'log.reportcaller': { value: true },
  'storage.filesystem.maxthreads': { value: 100 },
  'storage.cache': { value: { blobdescriptor: 'redis', blobdescriptorsize: 10_000 } },
  'storage.redirect': { value: { disable: true } },
  'storage.tag': { value: { concurrencylimit: 8 } },
  'http.relativeurls': { value: true },
  'http.http2': { value: { disabled: true } },
  'auth.none': { value: {} },
  redis: { value: { addr: 'localhost:6379', pool: { maxidle: 16 } } },
  reporting: { value: { bugsnag: { apikey: 'a' } } },
  compatibility: { value: { schema1: { enabled: true } } },
  policy: { value: { repository: { classes: ['image'] } } },
  'storage.azure': { value: { container: 'c' } },
  'storage.gcs': { value: { bucket: 'b' } },
  'storage.s3': { value: { bucket: 'b', region: 'r' } },
  'storage.s3aws': { value: { bucket: 'b', region: 'r' } },
  'storage.swift': { value: { container: 'c' } },
  'storage.oss': { value: { bucket: 'b' } },
  'auth.silly': { value: { realm: 'r', service: 's' } },
  'http.tls.letsencrypt': { value: { email: 'a@b' }, beside: {} },
  middleware: { value: { storage: [{ name: 'cloudfront' }] } },
  'proxy.ttl': { value: '168h' },
}

const BASE = { version: 0.1, 'storage.filesystem': {}, 'http.addr': ':5000' }

/** A map with the value at the key; undefined takes the key out. */
function put(into: unknown, [part, ...rest]: readonly string[], value: unknown): unknown {
  if (part === undefined) return value
  if (part === '[]') return [put(Array.isArray(into) ? into[0] : {}, rest, value)]
  const map: Readonly<Record<string, unknown>> = { ...(into as object) }
  return { ...map, [part]: put(map[part], rest, value) }
}

function parse(keys: Readonly<Record<string, unknown>>): Settings {
  let file: unknown = {}
  for (const [key, value] of Object.entries(keys))
    file = put(file, key.replaceAll('[]', '.[]').split('.'), value)
  return parseSettings('config.yml', stringify(file))
}

function refusals(keys: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    parse(keys)
    return []
  } catch (error) {
    return error instanceof ConfigurationError ? error.findings : [String(error)]
  }
}

function sampleOf(key: string): Sample {
  const sample = SAMPLES[key]
  if (sample === undefined) throw new Error(`no sample for ${key}`)
  return sample
}

describe('each key of registry:2', () => {
  test('has a sample, and no other has one', () => {
    expect(Object.keys(SAMPLES).toSorted()).toEqual(REGISTRY2.map(({ key }) => key).toSorted())
  })

  test('and no other is in the schema, where it would be taken for unknown before', () => {
    const honoured = new Set(
      REGISTRY2.filter(({ verdict }) => verdict.kind === 'honoured').map(({ key }) => key),
    )
    const ours = [...KNOWN_KEYS.children]
      .filter(([, { verdict }]) => verdict?.kind === 'ours')
      .map(([key]) => key)
    const others = describeSettings()
      .map(({ key }) => key)
      .filter((key) => !honoured.has(key) && !ours.some((section) => /^[.[]/.test(key.replace(section, ''))))
    expect(others).toEqual([])
  })

  test.each(REGISTRY2.filter(({ verdict }) => verdict.kind === 'honoured'))(
    'that is honoured changes the settings: $key',
    ({ key }) => {
      const { value, beside = {}, hasNoEffect = false } = sampleOf(key)
      const all = { ...BASE, ...beside, [key]: value }
      const { reading, ...settings } = parse(all)
      expect(reading.notices).toEqual([])
      expect(reading.honoured).toContain(key.replaceAll('[]', '[0]'))
      const other = key === 'storage.inmemory' ? parse(BASE) : withoutKey(key, beside)
      const { reading: _, ...otherSettings } = other
      expect(isDeepStrictEqual(otherSettings, settings)).toBe(hasNoEffect)
    },
  )

  test.each(REGISTRY2.filter(({ verdict }) => verdict.kind === 'accepted'))(
    'that is accepted is said, and changes nothing: $key',
    ({ key, verdict }) => {
      const { reading, ...settings } = parse({ ...BASE, [key]: sampleOf(key).value })
      const why = 'why' in verdict ? verdict.why : ''
      const sentence = `${key} is accepted and has no effect: ${why}`
      expect(reading.notices).toEqual([{ kind: 'accepted', key, sentence }])
      expect(parse(BASE)).toMatchObject(settings)
    },
  )

  test.each(REGISTRY2.filter(({ verdict }) => verdict.kind === 'refused'))(
    'that is refused stops the start with one sentence: $key',
    ({ key, verdict }) => {
      const why = 'why' in verdict ? verdict.why : ''
      expect(refusals({ ...BASE, [key]: sampleOf(key).value })).toContain(`${key} is refused: ${why}`)
    },
  )
})

function withoutKey(key: string, beside: Readonly<Record<string, unknown>>): Settings {
  const rest = Object.fromEntries(
    Object.entries({ ...BASE, ...beside }).filter(([name]) => name !== key || name in BASE || name in beside),
  )
  return parse(rest)
}
