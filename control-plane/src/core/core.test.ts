import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { Core } from './core.js'

/** Says that all is fine once its configuration is there. */
const PROGRAM = `
const { existsSync } = require('node:fs')
const look = () => {
  if (!existsSync(process.argv.at(-1))) return setTimeout(look, 20)
  process.stdout.write(JSON.stringify({ findings: [process.argv.at(-2)], urls: [] }))
}
look()
`

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('four upstreams are checked at once, each by one process, and the next is told to come again', async () => {
  const program = path.join(folder, 'check.cjs')
  const configuration = path.join(folder, 'registry.yml')
  writeFileSync(program, PROGRAM)
  const core = new Core({ socket: path.join(folder, 'control.sock'), program, configuration })
  const hosts = ['a.example', 'b.example', 'c.example', 'd.example', 'a.example']
  const checks = hosts.map((host) => core.checkUpstream(host))
  await expect(core.checkUpstream('e.example')).rejects.toMatchObject({
    ...{ failure: 'core-unavailable', message: expect.stringContaining('4 checks run already') },
  })
  writeFileSync(configuration, '')
  expect((await Promise.all(checks)).map(({ findings }) => findings[0])).toEqual(hosts)
  expect(await core.checkUpstream('e.example')).toMatchObject({ findings: ['e.example'] })
})
