import path from 'node:path'
import { expect, test } from '@jest/globals'

import { runToEnd } from '../support/processes.js'

/** FRONT_SEED=N tries another seed. */
const SEED = process.env['FRONT_SEED'] ?? '1'
/** `npm test` keeps to ten minutes on a stranger's machine. */
const SAMPLES = process.env['CI'] === 'true' ? 100_000 : 10_000

test(`${SAMPLES} settings of the front and of the core are sound files, or refused in words`, async () => {
  process.stdout.write(`front-settings: FRONT_SEED=${SEED}\n`)
  const file = path.join(import.meta.dirname, 'front-settings.js')
  const args = [file, '--seed', SEED, '--samples', String(SAMPLES)]
  const { code, stdout, stderr } = await runToEnd(process.execPath, args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const ran = JSON.parse(stdout) as Readonly<Record<string, number>> & { readonly found: unknown }
  expect(ran.found).toEqual([])
  for (const kind of ['fronts', 'registries']) expect(ran[kind]).toBeGreaterThan(SAMPLES / 5)
  for (const kind of ['frontsRefused', 'registriesRefused']) expect(ran[kind]).toBeGreaterThan(SAMPLES / 20)
}, 1_800_000)
