import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { runToEnd } from '../support/processes.js'
import { StateFolder } from '../support/state-folder.js'
import { BoxDocker, KINDS } from './box-docker.js'
import { RunningBox } from './running-box.js'
import { Traffic } from './traffic.js'

const PROGRAM = path.join(import.meta.dirname, '../../../control-plane/bin/entrepot.js')
/** Of all that a backup is to bring back. */
const SHOWN = ['accounts', 'admin-tokens', 'upstreams', 'settings/nginx', 'certificates/requests'] as const

let state: StateFolder
let box: RunningBox
let traffic: Traffic | undefined

beforeAll(async () => {
  state = new StateFolder()
  box = await RunningBox.open(state.join('box'))
})
afterAll(async () => {
  await traffic?.end().catch(() => undefined) // a test has failed, and said why
  await box.stop()
  await state.destroy()
})

/** As a person types it. */
async function entrepot(on: RunningBox, ...args: readonly string[]): Promise<string> {
  const environment = {
    ENTREPOT_SERVER: `https://127.0.0.1:${on.ports.admin}`,
    ...{ ENTREPOT_ADMIN_TOKEN: on.token, HOME: state.path },
  }
  const line = [PROGRAM, ...args, '--ca', on.caFile]
  const { code, stdout, stderr } = await runToEnd(process.execPath, line, { environment })
  if (code !== 0) throw new Error(`entrepot ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

async function shown(): Promise<readonly unknown[]> {
  return Promise.all(SHOWN.map((name) => box.change('GET', name)))
}

test('clients of a box that was lost notice nothing of the one that a backup has made of an empty one', async () => {
  const docker = await BoxDocker.start(state, box, KINDS[0])
  const [reference, { prints }] = await docker.make('app')
  await docker.logIn(box.account)
  await docker.daemon.push(reference)
  await box.change('PATCH', 'settings/nginx', { readTimeout: 777 })
  await box.change('PUT', 'upstreams/secret.example', {
    username: 'robot',
    password: 'canary-of-the-upstream',
  })
  await box.change('POST', 'certificates/requests', { key: 'p256' })

  // A backup of a box on which people are at work.
  traffic = Traffic.start(box, 'before')
  await traffic.untilDone(2)
  const passphrase = state.join('passphrase')
  writeFileSync(passphrase, 'correct horse battery')
  const changes = (async () => {
    for (let number = 0; number < 5; number += 1) await box.addAccount(`account-${number}`)
  })()
  await Promise.all([
    changes,
    entrepot(box, 'backup', state.join('meanwhile'), '--passphrase-file', passphrase),
  ])
  const before = await shown()
  await entrepot(box, 'backup', state.join('backup'), '--passphrase-file', passphrase)
  await traffic.end()
  expect(traffic.failures).toEqual([])

  // All is lost but the images.
  await box.stop()
  renameSync(box.data, state.join('lost'))
  mkdirSync(box.data)
  renameSync(state.join('lost/store'), box.store)
  const empty = await RunningBox.open(box.data, {}, box.ports)
  try {
    await entrepot(empty, 'restore', state.join('backup'), '--passphrase-file', passphrase)
    expect(await shown()).toEqual(before) // by the token of before
    expect(await docker.pullAndRun(reference)).toBe(prints)
    const [another, { prints: printed }] = await docker.make('afterwards')
    await docker.daemon.push(another)
    expect(await docker.pullAndRun(another)).toBe(printed)
    expect(await traffic.end()).toBeGreaterThan(3) // pulls all that was acknowledged, with the account of before
    expect((await empty.ask('GET', 'accounts')).status).toBe(401) // its own first token is gone
  } finally {
    await empty.stop()
  }
  await box.start()
  expect(await docker.pullAndRun(reference)).toBe(prints)
  expect(await shown()).toEqual(before)
})
