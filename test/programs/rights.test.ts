import path from 'node:path'

import { expect, test } from '@jest/globals'

import { runToEnd } from '../support/processes.js'

/** RIGHTS_SEED=N tries another seed. */
const SEED = process.env['RIGHTS_SEED'] ?? '1'
/** `npm test` keeps to ten minutes on a stranger's machine. */
const SAMPLES = process.env['CI'] === 'true' ? 100_000 : 20_000

test(`no byte and no existence fact crosses rights, over ${SAMPLES} random questions`, async () => {
  process.stdout.write(`rights: RIGHTS_SEED=${SEED}\n`)
  const file = path.join(import.meta.dirname, 'rights.js')
  const { code, stdout, stderr } = await runToEnd(process.execPath, [
    file,
    '--seed',
    SEED,
    '--samples',
    String(SAMPLES),
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { samples, refused, found } = JSON.parse(stdout) as {
    samples: number
    refused: number
    found: unknown
  }
  expect(found).toEqual([])
  expect(samples).toBe(SAMPLES)
  expect(refused).toBeGreaterThan(SAMPLES / 2)
}, 480_000)
