import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { StateFolder } from '../support/state-folder.js'
import { startCore, type Target } from '../support/targets.js'
import { inShort, notifying, Sink } from './sink.js'

const RELOADS = 100
const LAYER_BYTES = 4 * 1024 * 1024

let state: StateFolder
let target: Target
let client: RegistryClient
/** The socket of the control plane. */
let internal: RegistryClient

beforeEach(async () => {
  state = new StateFolder()
  const socket = state.join('control.sock')
  target = await startCore({ config: { internal: { socket } } })
  client = new RegistryClient(target.baseUrl)
  internal = new RegistryClient('http://core', { socketPath: socket })
})

afterEach(async () => {
  await client.close()
  await internal.close()
  await target.remove()
  await state.destroy()
})

/** Writes the file again, with these keys in it. */
function change(further: object): void {
  const before = JSON.parse(readFileSync(target.configFile, 'utf8')) as object
  writeFileSync(target.configFile, JSON.stringify({ ...before, ...further }))
}

function timesRead(): number {
  return target.process.log().split('the configuration was read anew').length - 1
}

async function hangUp(): Promise<void> {
  const before = timesRead()
  target.process.signal('SIGHUP')
  await eventually('the file is read', () => timesRead() > before, { everyMs: 2 })
}

describe('a reload', () => {
  test('by signal, a hundred times under load, cuts no transfer', async () => {
    const known = randomLayer(LAYER_BYTES)
    await client.pushBlob('team/app', known)
    let isOver = false
    let transfers = 0
    const upload = async (): Promise<void> => {
      for (; !isOver; transfers += 1)
        await client.pushBlob('team/app', randomLayer(LAYER_BYTES), { style: 'stream' })
    }
    const download = async (): Promise<void> => {
      for (; !isOver; transfers += 1) await client.pullBlob('team/app', known.descriptor.digest)
    }
    const running = Promise.all([upload(), upload(), download(), download()])
    for (let n = 0; n < RELOADS; n += 1) {
      change({
        log: { level: n % 2 === 0 ? 'info' : 'debug', formatter: 'json' },
        catalog: { maxentries: n + 1 },
      })
      await hangUp()
    }
    isOver = true
    await running
    expect(timesRead()).toBe(RELOADS)
    expect(transfers).toBeGreaterThan(4)
  })

  test('puts in force what can change while it runs, and names what cannot', async () => {
    await client.pushBlob('team/app', randomLayer(10))
    change({
      http: { addr: '127.0.0.1:1', headers: { 'X-Site': ['here'] } },
      storage: { filesystem: { rootdirectory: target.root } },
    })
    const answer = expectStatus(await internal.post('/reload'), 200)
    expect(answer.json()).toEqual({
      outcome: 'reloaded',
      changed: ['storage.delete.enabled', 'http.headers'],
      needsRestart: ['http.addr and listeners'],
    })
    const asked = expectStatus(await client.get('/v2/team/app/tags/list'), 200, 404)
    expect(asked.header('x-site')).toBe('here')
    const gone = await client.delete('/v2/team/app/manifests/v1')
    expect([gone.status, gone.body.toString()]).toEqual([405, expect.stringContaining('UNSUPPORTED')])
  })

  test('changes what anybody may do', async () => {
    change({ access: { anonymous: 'none' } })
    await hangUp()
    expect((await client.get('/v2/')).status).toBeGreaterThanOrEqual(400)
    change({ access: { anonymous: 'push' } })
    await hangUp()
    expectStatus(await client.get('/v2/'), 200)
  })

  test('of a wrong file changes nothing, and says why to whoever asked and in the log', async () => {
    change({ http: { addr: `127.0.0.1:${target.port}`, draintimeout: 'soon' } })
    const answer = expectStatus(await internal.post('/reload'), 400)
    const finding = 'http.draintimeout is "soon"; allowed is a duration'
    expect(answer.json()).toEqual({ outcome: 'refused', findings: [expect.stringContaining(finding)] })
    await eventually('it is in the log', () =>
      target.process.log().includes('the configuration is wrong: what was in force stays'),
    )
    expect(target.process.log()).toContain('http.draintimeout is')
    expectStatus(await client.get('/v2/'), 200)
  })

  test('is nothing that a client can ask for', async () => {
    expectStatus(await client.post('/reload'), 404)
    expectStatus(await internal.get('/reload'), 404)
  })

  test('gives notifications another endpoint, without a restart', async () => {
    const sink = await Sink.start()
    try {
      const before = (await client.pushBlob('team/app', randomLayer(10))).digest
      change(notifying(sink.url))
      await hangUp()
      const after = (await client.pushBlob('team/app', randomLayer(10))).digest
      expect((await sink.until(1)).map(inShort)).toEqual([`push team/app@${after}`])
      expect(after).not.toBe(before)
      change({ notifications: {} })
      await hangUp()
      await client.pushBlob('team/app', randomLayer(10))
      expect(sink.events).toHaveLength(1)
    } finally {
      await sink.close()
    }
  })
})
