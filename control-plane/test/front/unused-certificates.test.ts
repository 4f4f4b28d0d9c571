import { mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { ensureOwnCertificates } from '#control/front/certificates/own-certificates.js'
import { removeUnused } from '#control/front/certificates/remove-unused.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom as random } from '#control/system/random.js'

const DAY_MS = 24 * 60 * 60 * 1000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const make = (name: string) => ensureOwnCertificates({ folder, names: [name], clock: systemClock, random })
const left = () => readdirSync(path.join(folder, 'server')).toSorted()
const filesOf = (...made: readonly { readonly certificate: string; readonly key: string }[]) =>
  made.flatMap(({ certificate, key }) => [path.basename(certificate), path.basename(key)]).toSorted()
const after = (days: number) => new Date(systemClock.now().getTime() + days * DAY_MS)

test('what nginx may read stays, and what a rollback may ask for; all else goes, the key with it', async () => {
  const [read, named, unused] = [
    await make('read.example'),
    await make('named.example'),
    await make('unused.example'),
  ]
  const needed = {
    files: new Set([read.certificate]),
    fingerprints: new Set([named.server.fingerprint]),
    now: after(1),
  }
  expect(await removeUnused(folder, needed)).toBe(1)
  expect(left()).toEqual(filesOf(read, named))
  expect(filesOf(unused).some((name) => left().includes(name))).toBe(false)
  expect(await removeUnused(folder, needed)).toBe(0)
})

test('what was made in the last hour stays: it may be taken into force just now', async () => {
  const young = await make('young.example')
  const needed = { files: new Set<string>(), fingerprints: new Set<string>(), now: systemClock.now() }
  expect(await removeUnused(folder, needed)).toBe(0)
  expect(left()).toEqual(filesOf(young))
})

test('one that has ended goes, unless nginx may read it', async () => {
  const [ended, read] = [await make('ended.example'), await make('read.example')]
  const fingerprints = new Set([ended, read].map(({ server }) => server.fingerprint))
  await removeUnused(folder, { files: new Set([read.certificate]), fingerprints, now: after(500) })
  expect(left()).toEqual(filesOf(read))
})

test('a key whose certificate never came goes', async () => {
  const half = await make('half.example')
  unlinkSync(half.certificate)
  const fingerprints = new Set([half.server.fingerprint])
  expect(await removeUnused(folder, { files: new Set<string>(), fingerprints, now: after(1) })).toBe(1)
  expect(left()).toEqual([])
})
