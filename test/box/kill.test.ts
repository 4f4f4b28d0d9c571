import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { StateFolder } from '../support/state-folder.js'
import { type PartName, RunningBox } from './running-box.js'
import { Traffic } from './traffic.js'

const SAID: Readonly<Record<PartName, RegExp>> = {
  postgres: /^PostgreSQL .*SIGKILL.*: it is started again in/m,
  'registry-core': /^registry-core was ended by SIGKILL: it is started again in/m,
  'control plane': /^control plane was ended by SIGKILL: it is started again in/m,
  nginx: /^nginx was ended by SIGKILL: it is started again in/m,
}

describe('a box', () => {
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

  /** Kills a part under traffic; answers what clients were told meanwhile. */
  async function killUnderTraffic(part: PartName): Promise<readonly string[]> {
    const running = Traffic.start(box, part.replace(' ', '-'))
    traffic = running
    await running.untilDone(5)
    const from = box.log().length
    const killed = await box.signal(part, 'SIGKILL')
    await eventually(`it says that ${part} is started again`, () => SAID[part].test(box.log().slice(from)))
    await eventually(`${part} runs again`, () => box.runs(part) && box.pidOf(part) !== killed)
    await running.untilDone(5)
    traffic = undefined
    expect(await running.end()).toBeGreaterThan(10)
    return running.failures
  }

  async function untilApiAnswers(): Promise<void> {
    await eventually('the API has all parts', async () => {
      const { status, body } = await box.ask('GET', 'health')
      return status === 200 && body.includes('{"state":"up"')
    })
  }

  test.each(['registry-core', 'nginx'] as const)(
    'starts %s again after kill -9, says so, and nothing that was acknowledged is lost',
    async (part) => {
      await killUnderTraffic(part)
      await untilApiAnswers()
    },
  )

  test.each(['postgres', 'control plane'] as const)(
    'starts %s again after kill -9, says so, and no client notices',
    async (part) => {
      expect(await killUnderTraffic(part)).toEqual([])
      await untilApiAnswers()
    },
  )

  test('changes settings after each of its parts was killed', async () => {
    const { name } = await box.addAccount('afterwards', { repositories: ['**'], actions: ['pull'] })
    await box.change('DELETE', `accounts/${name}`)
    expect(await box.change('PATCH', 'settings/nginx', { readTimeout: 800 })).toMatchObject({
      readTimeout: 800,
    })
  })

  test('with a Postgres that hangs serves transfers, and the API says why it cannot', async () => {
    const frozen = box.processes().filter(({ command }) => /\/bin\/postgres |^postgres: /.test(command))
    for (const { pid } of frozen) process.kill(pid, 'SIGSTOP')
    try {
      const client = box.client('tls', box.account)
      const pushed = await client.pushBlob('while/frozen', randomLayer())
      await client.pullBlob('while/frozen', pushed.digest)
      await client.close()
      const answer = await box.ask('GET', 'upstreams')
      expect(answer.status).toBe(503)
      expect(answer.json()).toMatchObject({ title: 'Postgres cannot be asked', detail: expect.any(String) })
    } finally {
      for (const { pid } of frozen) process.kill(pid, 'SIGCONT')
    }
    await eventually('the API answers', async () => (await box.ask('GET', 'upstreams')).status === 200)
  })

  test('refuses a second start on its folder, and says who has it', async () => {
    const { code, said } = await box.startBeside()
    expect(code).toBe(1)
    expect(said).toMatch(/^Entrepot does not start: .* is in use by another npm start: process \d+/m)
  })

  test('that is killed with kill -9 is followed by one that has all that was acknowledged', async () => {
    const before = Traffic.start(box, 'before')
    await before.untilDone(5)
    await box.kill()
    const tookMs = await box.start()
    process.stdout.write(`started after kill -9 in ${Math.round(tookMs)} ms\n`)
    await before.untilDone(5)
    expect(await before.end()).toBeGreaterThan(10)
    await untilApiAnswers()
  })

  test('ends for SIGTERM with nobody left, and starts again with what it had', async () => {
    expect(await box.stop()).toEqual({ code: 0, signal: null })
    const tookMs = await box.start()
    process.stdout.write(`second start in ${Math.round(tookMs)} ms\n`)
    expect(tookMs).toBeLessThan(60_000) // a bound against hanging: what it takes is printed
    const client = box.client('tls', box.account)
    expect(await client.get('/v2/')).toMatchObject({ status: 200 })
    await client.close()
    expect(await box.change('GET', 'settings/nginx')).toMatchObject({ readTimeout: 800 })
  })
})
