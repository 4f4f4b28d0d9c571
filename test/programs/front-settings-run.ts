import path from 'node:path'
import { expect } from '@jest/globals'

import { runToEnd } from '../support/processes.js'

/** FRONT_SEED=N tries another seed. */
const SEED = process.env['FRONT_SEED'] ?? '1'

/** Has the program make so many settings of the front and of the core; each is sound files, or refused in words. */
export async function expectSoundOrRefused(samples: number): Promise<void> {
  process.stdout.write(`front-settings: FRONT_SEED=${SEED}\n`)
  const file = path.join(import.meta.dirname, 'front-settings.js')
  const { code, stdout, stderr } = await runToEnd(process.execPath, [
    ...[file, '--seed', SEED],
    ...['--samples', String(samples)],
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const ran = JSON.parse(stdout) as Readonly<Record<string, number>> & { readonly found: unknown }
  expect(ran.found).toEqual([])
  for (const kind of ['fronts', 'registries']) expect(ran[kind]).toBeGreaterThan(samples / 5)
  for (const kind of ['frontsRefused', 'registriesRefused']) expect(ran[kind]).toBeGreaterThan(samples / 20)
}
