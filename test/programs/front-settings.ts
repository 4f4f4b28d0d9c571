/**
 * Any settings of the front are a configuration without a known trap, or refused by name; any of the registry are a file
 * that the core reads as it was meant, or refused in the core's words.
 * usage: front-settings.js [--seed N] [--samples N]; prints one line of JSON.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import fc from 'fast-check'
import { parse } from 'yaml'

import { type FrontSettings, renderFront, SettingRefused } from '#front/render.js'
import { RegistryRefused, type RegistrySettings, renderRegistry } from '#front/registry-yaml.js'
import { findTraps } from '#front/traps.js'
import { anyRegistry, anySettings } from '../front/any-settings.js'
import { makeCertificates } from '../support/certificates.js'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, samples: { type: 'string', default: '10000' } },
})
const [seed, samples] = [Number(values.seed), Number(values.samples)]

const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
const certificates = await makeCertificates(folder)
const made = { ...certificates, authority: readFileSync(certificates.caFile, 'utf8') }
rmSync(folder, { recursive: true })

const counts = { fronts: 0, frontsRefused: 0, registries: 0, registriesRefused: 0 }
const found: unknown[] = []

function tryFront(settings: FrontSettings): void {
  try {
    const traps = findTraps(renderFront(settings)[0]?.text ?? '')
    counts.fronts += 1
    if (traps.length > 0) found.push({ settings, traps })
  } catch (error) {
    if (error instanceof SettingRefused) counts.frontsRefused += 1
    else found.push({ settings, error: String(error) })
  }
}

function tryRegistry(settings: RegistrySettings): void {
  try {
    const read = parse(renderRegistry(settings).text) as Readonly<Record<string, unknown>>
    counts.registries += 1
    const { mirrors, access } = JSON.parse(JSON.stringify(settings)) as RegistrySettings
    const meant = { mirrors, access: { ...access, anonymous: 'none' } }
    if (!isDeepStrictEqual({ mirrors: read['mirrors'], access: read['access'] }, meant))
      found.push({ settings, read })
  } catch (error) {
    if (error instanceof RegistryRefused && error.findings.every((finding) => finding.length > 10))
      counts.registriesRefused += 1
    else found.push({ settings, error: String(error) })
  }
}

// In small lots: a hundred thousand of them at once are much memory.
const LOT = 500
for (let lot = 0; lot < samples / LOT; lot++) {
  const how = { seed: seed * 1_000_003 + lot, numRuns: LOT }
  const version = lot % 2 === 0 ? '1.22.1' : '1.30.6'
  for (const settings of fc.sample(anySettings(version, { ...made, prefix: '/srv' }), how)) tryFront(settings)
  for (const settings of fc.sample(anyRegistry(), how)) tryRegistry(settings)
}

process.stdout.write(`${JSON.stringify({ samples, ...counts, found: found.slice(0, 5) })}\n`)
