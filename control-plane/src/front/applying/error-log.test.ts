import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { watchErrorLog } from './error-log.js'

let prefix: string
const write = (line: string): void => appendFileSync(path.join(prefix, 'logs/error.log'), `${line}\n`)

beforeEach(() => {
  prefix = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  mkdirSync(path.join(prefix, 'logs'))
})
afterEach(() => rmSync(prefix, { recursive: true }))

test('what nginx cannot do since then is told once, without times', async () => {
  write('2026/11/22 05:00:00 [emerg] 7#7: an old one')
  const log = await watchErrorLog(prefix)
  expect(await log.emergencies()).toEqual([])
  for (const second of [1, 2]) write(`2026/11/22 05:00:0${second} [emerg] 7#7: bind() failed`)
  expect(await log.emergencies()).toEqual(['bind() failed'])
})

test('what a client has sent is no word of nginx', async () => {
  const log = await watchErrorLog(prefix)
  write(
    '2026/11/22 05:00:00 [error] 7#7: *1 client intended to send too large body, client: 10.0.0.1, ' +
      'referrer: "2026/11/22 05:00:00 [emerg] 1#1: no"',
  )
  expect(await log.emergencies()).toEqual([])
})
