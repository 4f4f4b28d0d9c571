import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { systemClock } from '../../system/clock.js'
import { systemRandom } from '../../system/random.js'
import { startPostgres } from './start-postgres.js'

let root: string

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  fs.chmodSync(root, 0o755)
})
afterEach(() => fs.rmSync(root, { recursive: true }))

/** Programs that never come to an end by themselves; the one has started another. */
const PROGRAMS = {
  initdb: '#!/bin/sh\ntail -f "$0"\n',
  postgres: `#!${process.execPath}\nif (!process.argv.includes('--version')) setInterval(() => {}, 1000)\n`,
}

function packageOf(native: string) {
  fs.mkdirSync(path.join(native, 'bin'), { recursive: true })
  for (const [name, text] of Object.entries(PROGRAMS))
    fs.writeFileSync(path.join(native, 'bin', name), text, { mode: 0o755 })
  fs.writeFileSync(path.join(native, 'pg-symlinks.json'), '[]')
  return { version: '18.4.0', major: '18', native }
}

/** Whoever has the folder on its command line, as every program of ours has. */
function running(): readonly string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes(root) ? [line] : []
      } catch {
        return []
      }
    })
}

async function eventually(isSo: () => boolean): Promise<void> {
  const endMs = systemClock.elapsedMs() + 20_000
  while (!isSo()) {
    if (systemClock.elapsedMs() > endMs) throw new Error('not within 20 s')
    await systemClock.sleep(20)
  }
}

async function abortedAt(program: string): Promise<unknown> {
  const [stopping, folder] = [new AbortController(), path.join(root, 'postgres')]
  const starting = startPostgres({
    ...{ folder, runFolder: path.join(root, 'run'), clock: systemClock, say: () => undefined },
    ...{
      random: systemRandom,
      found: packageOf(path.join(root, 'native')),
      durable: false,
      signal: stopping.signal,
    },
  }).catch((error: unknown) => error)
  await eventually(() => running().some((line) => line.includes(`/bin/${program} `)))
  stopping.abort(new Error('told to stop'))
  return starting
}

test('a start that is told to stop while the database is made ends that, and leaves nothing half made', async () => {
  expect(await abortedAt('initdb')).toMatchObject({ message: 'told to stop' })
  expect(running()).toEqual([])
  expect(fs.readdirSync(path.join(root, 'postgres')).filter((name) => name.startsWith('cluster'))).toEqual([])
})

test('a start that is told to stop while the server recovers ends the server', async () => {
  const cluster = path.join(root, 'postgres', 'cluster')
  fs.mkdirSync(path.join(cluster, 'data'), { recursive: true })
  fs.writeFileSync(path.join(cluster, 'data', 'PG_VERSION'), '18\n')
  fs.writeFileSync(path.join(cluster, 'password'), 'secret\n')
  expect(await abortedAt('postgres')).toMatchObject({ message: 'told to stop' })
  expect(running()).toEqual([])
})
