import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'

import { GOLDEN_EXAMPLES, GOLDEN_FOLDER } from '#front/golden-examples.js'
import { SettingRefused } from '#front/render.js'
import type { FrontSettings, Listener } from '#front/settings.js'
import { writeFront } from '#front/write-front.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { describeNeeding } from '../support/needs.js'
import { type NginxProgram, nginxPrograms } from '../support/nginx-programs.js'
import { runToEnd } from '../support/processes.js'
import { NEEDS } from './suite.js'

const GOLDEN = fileURLToPath(new URL('../../../nginx/golden/', import.meta.url))
const programs = await nginxPrograms()

/** What `nginx -t` says against a configuration: nothing, or its whole output. */
async function complaints({ command: [file, ...args] }: NginxProgram, prefix: string): Promise<string> {
  const conf = path.join(prefix, 'nginx.conf')
  const run = await runToEnd(file, [
    ...args,
    '-t',
    '-p',
    prefix,
    '-c',
    conf,
    '-e',
    path.join(prefix, 'logs/error.log'),
  ])
  const isClean = run.code === 0 && !/\[(warn|error|crit|alert|emerg)\]/.test(run.stderr)
  return isClean ? '' : `exit ${run.code}: ${run.stderr}`
}

describeNeeding(NEEDS, 'what is rendered', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  let certificates: Certificates

  beforeAll(async () => {
    certificates = await makeCertificates(folder)
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  /** A golden example as it lies in the repository, moved from its folder to one that exists. */
  function unpack(name: string): string {
    const root = mkdtempSync(path.join(folder, 'golden-'))
    const prefix = path.join(root, 'front')
    cpSync(path.join(GOLDEN, name), prefix, { recursive: true })
    for (const below of ['front/logs', 'front/temp', 'tls', 'run']) mkdirSync(path.join(root, below))
    cpSync(certificates.certificate, path.join(root, 'tls/server.pem'))
    cpSync(certificates.key, path.join(root, 'tls/server.key'))
    const conf = path.join(prefix, 'nginx.conf')
    writeFileSync(conf, readFileSync(conf, 'utf8').replaceAll(GOLDEN_FOLDER, root))
    return prefix
  }

  const matching = programs.flatMap((program) =>
    Object.entries(GOLDEN_EXAMPLES)
      .filter(([, { nginxVersion }]) => isSameForm(nginxVersion, program.version))
      .map(([name]) => [name, program.version, program] as const),
  )

  test('every golden example is one of those here, and has an nginx to be tried with', () => {
    expect(readdirSync(GOLDEN).sort()).toEqual(Object.keys(GOLDEN_EXAMPLES).sort())
    expect(matching.length).toBeGreaterThan(0)
  })

  test.each(matching)('%s passes nginx -t of %s without a warning', async (name, _, program) => {
    expect(await complaints(program, unpack(name))).toBe('')
  })

  test.each(programs.map((program) => [program.version, program] as const))(
    'is accepted by nginx %s, or refused by name',
    async (version, program) => {
      let accepted = 0
      await fc.assert(
        fc.asyncProperty(anySettings(version), async (settings) => {
          const prefix = mkdtempSync(path.join(folder, 'any-'))
          const written = write({ ...settings, prefix: path.join(prefix, settings.prefix) })
          if (written === undefined) return
          accepted += 1
          expect(await complaints(program, written)).toBe('')
        }),
        { numRuns: 60 },
      )
      expect(accepted).toBeGreaterThan(10)
    },
    60_000,
  )

  /** The prefix that was written; `undefined` when a setting was refused. */
  function write(settings: FrontSettings): string | undefined {
    try {
      writeFront(settings)
      return settings.prefix
    } catch (error) {
      if (error instanceof SettingRefused) return undefined
      throw error
    }
  }

  function anySettings(nginxVersion: string): fc.Arbitrary<FrontSettings> {
    const hostile = [
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
    const harmless = [
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
    const word = mostly(
      fc.string({ unit: fc.constantFrom(...harmless), minLength: 1, maxLength: 12 }),
      fc.string({ unit: fc.constantFrom(...harmless, ...hostile), maxLength: 12 }),
    )
    const place = word.map((text) => `/srv/${text}`)
    const address = mostly(fc.constantFrom('127.0.0.1', '127.0.0.2', '::1', '0::1', '0.0.0.0', '::'), word)
    const port = mostly(fc.integer({ min: 20_000, max: 65_535 }), fc.integer())
    const host = mostly(
      fc.constantFrom('quay.io', 'docker.io', 'a-b.example', `${'long.'.repeat(50)}abc`, '10.0.0.1'),
      word,
      50,
    )
    const upstream = mostly(fc.constantFrom('quay.io', 'registry.example:5000', 'localhost'), word, 50)
    const view = fc.oneof(fc.constantFrom('registry', 'mirror'), fc.record({ upstream }))
    const virtualHosts = fc.uniqueArray(fc.record({ names: fc.tuple(host), view }), {
      maxLength: 3,
      selector: ({ names: [name] }) => name,
    })
    const plain = fc.record(
      { kind: fc.constant('http'), address, port, view, virtualHosts },
      { requiredKeys: ['kind', 'address', 'port'] },
    )
    const tls = plain.map((one) => ({ ...one, ...certificates, kind: 'tls' }) as const)
    const size = mostly(
      fc.constantFrom('0', '16384m', '20g', '512K', '7', '999999999g'),
      fc.constantFrom('-1', '1.5g', '', '1m;', '1mb', '9999999999g', '0x10'),
    )
    return fc.record(
      {
        prefix: word,
        nginxVersion: fc.constant(nginxVersion),
        coreSocket: place,
        storeRoot: place,
        listeners: fc.array(fc.oneof(plain, tls) as fc.Arbitrary<Listener>, { minLength: 1, maxLength: 4 }),
        workers: mostly(fc.integer({ min: 1, max: 8 }), fc.oneof(fc.integer(), fc.double())),
        maxUploadSize: size,
        timeoutSeconds: mostly(fc.integer({ min: 1, max: 86_400 }), fc.double()),
      },
      { requiredKeys: ['prefix', 'nginxVersion', 'coreSocket', 'storeRoot', 'listeners'] },
    )
  }
})

/** The one that is right, and now and then the other. */
function mostly<T>(right: fc.Arbitrary<T>, other: fc.Arbitrary<T>, weight = 9): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: other })
}

/** HTTP/2 became a directive with 1.25.1: an example of either form is for an nginx of that form. */
function isSameForm(one: string, other: string): boolean {
  const hasDirective = (version: string): boolean => {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
    return major > 1 || minor > 25 || (minor === 25 && patch >= 1)
  }
  return hasDirective(one) === hasDirective(other)
}
