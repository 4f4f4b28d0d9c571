import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { expectStatus } from '../support/registry-client.js'
import { processesOf } from './box-processes.js'
import { RunningBox } from './running-box.js'

let folder: string
let data: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  data = path.join(folder, 'data')
})
afterEach(() => {
  for (const { pid } of processesOf(data)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** The control plane has kept token and account, and the box starts what it will announce them with. */
function isKept(): boolean {
  return processesOf(data).some(({ command }) => /registry-core\.js serve /.test(command))
}

test('a first start that is killed before it has shown token and account: the next one shows them, and no other', async () => {
  const killed = await RunningBox.begin(data)
  await eventually('they are kept', () => isKept(), { deadlineMs: 90_000, everyMs: 5 })
  await killed.kill()
  expect(killed.log()).not.toMatch(/^ {2}(?:token|account) /m)
  await eventually('its parts have ended', () => processesOf(data).length === 0)
  const box = await RunningBox.open(data) // it finds both in what is said
  const pusher = box.client('tls', box.account)
  expectStatus(await pusher.post('/v2/team/app/blobs/uploads/'), 202)
  await pusher.close()
  expectStatus(await box.ask('GET', 'admin-tokens'), 200)
  await box.stop()
  await box.start()
  expect(box.log()).not.toMatch(/^ {2}(?:token|account) /m)
  await box.stop()
})
