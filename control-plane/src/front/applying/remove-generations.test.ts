import { mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { generationFolder } from './apply-places.js'
import { findDrift, writeGeneration } from './generation-files.js'
import { removeOldGenerations } from './remove-generations.js'

let config: string
beforeEach(() => {
  config = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => rmSync(config, { recursive: true }))

function filesIn(id: string): readonly string[] {
  const names = readdirSync(path.join(generationFolder({ config }, id), 'upstreams'))
  return names.toSorted()
}

test('passwords stay in the generation in force and the one before, and in none that is kept besides', async () => {
  const ofUpstream = ['a.ca.pem', 'a.password', 'a.proxy-password']
  const files = ofUpstream.map((name) => ({ path: `upstreams/${name}`, mode: 0o600, text: name }))
  for (const [at, id] of ['1', '2', '3', '4', '5'].entries()) {
    await writeGeneration({ config }, id, files)
    utimesSync(generationFolder({ config }, id), at, at)
  }
  symlinkSync('generations/2', path.join(config, 'applied'))
  symlinkSync('generations/5', path.join(config, 'current'))
  const places = { config, prefix: '', generationSocket: '', controlSocket: '' }
  await removeOldGenerations(places, { newest: 3, named: ['1'], previous: '4' })
  expect(['1', '2', '3', '4', '5'].map(filesIn)).toEqual([
    ...[['a.ca.pem'], ofUpstream, ['a.ca.pem'], ofUpstream, ofUpstream],
  ])
  expect(await findDrift({ config }, '5')).toEqual([])
})
