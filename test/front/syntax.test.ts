import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'

import { GOLDEN_EXAMPLES, GOLDEN_FOLDER } from '#front/golden-examples.js'
import { SettingRefused } from '#front/render.js'
import type { FrontSettings } from '#front/settings.js'
import { writeFront } from '#front/write-front.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { describeNeeding } from '../support/needs.js'
import { type NginxProgram, nginxPrograms } from '../support/nginx-programs.js'
import { runToEnd } from '../support/processes.js'
import { anySettings } from './any-settings.js'
import { NEEDS } from './suite.js'

const GOLDEN = fileURLToPath(new URL('../../../nginx/golden/', import.meta.url))
const programs = await nginxPrograms()

/** What `nginx -t` says against a configuration: nothing, or its whole output. */
async function complaints(
  { command: [file, ...args] }: NginxProgram,
  { prefix, generation }: Pick<FrontSettings, 'prefix' | 'generation'>,
): Promise<string> {
  const conf = path.join(generation?.folder ?? prefix, 'nginx.conf')
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
    cpSync(certificates.caFile, path.join(root, 'tls/clients.pem'))
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
    expect(await complaints(program, { prefix: unpack(name) })).toBe('')
  })

  test.each(programs.map((program) => [program.version, program] as const))(
    'is accepted by nginx %s, or refused by name',
    async (version, program) => {
      let accepted = 0
      await fc.assert(
        fc.asyncProperty(anySettings(version, made()), async (settings) => {
          const prefix = mkdtempSync(path.join(folder, 'any-'))
          const written = write(below(prefix, settings))
          if (written === undefined) return
          accepted += 1
          expect(await complaints(program, written)).toBe('')
        }),
        { numRuns: 100 },
      )
      expect(accepted).toBeGreaterThan(20)
    },
    60_000,
  )

  function made() {
    return { ...certificates, authority: readFileSync(certificates.caFile, 'utf8') }
  }

  /** Where it can be written: nginx tries the folder of its own socket. */
  function below(folder: string, { generation, ...settings }: FrontSettings): FrontSettings {
    const socket = path.join(folder, 'front.sock')
    const moved = generation && { folder: path.join(folder, generation.folder), socket }
    return { ...settings, prefix: path.join(folder, settings.prefix), ...(moved && { generation: moved }) }
  }

  /** The folder of nginx.conf that was written; `undefined` when a setting was refused. */
  function write(settings: FrontSettings): FrontSettings | undefined {
    try {
      writeFront(settings)
      return settings
    } catch (error) {
      if (error instanceof SettingRefused) return undefined
      throw error
    }
  }
})

/** HTTP/2 became a directive with 1.25.1: an example of either form is for an nginx of that form. */
function isSameForm(one: string, other: string): boolean {
  const hasDirective = (version: string): boolean => {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
    return major > 1 || minor > 25 || (minor === 25 && patch >= 1)
  }
  return hasDirective(one) === hasDirective(other)
}
