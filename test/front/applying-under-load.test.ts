import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'

import { applyGeneration } from '#control/front/applying/apply-generation.js'
import { countDraining } from '#control/front/applying/draining.js'
import { openReloadPace } from '#control/front/applying/reload-pace.js'
import { systemClock } from '#control/system/clock.js'
import { eventually } from '../support/eventually.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { RegistryClient } from '../support/registry-client.js'
import { useAppliedBox } from './applied-box.js'
import { NEEDS } from './suite.js'

const MIB = 1024 * 1024
const [program] = await nginxPrograms()

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

describeNeeding(NEEDS, 'changes under running transfers', () => {
  const box = useAppliedBox(program)
  const url = (): string => `http://127.0.0.1:${box().ports.local}`

  async function push(bytes: Uint8Array): Promise<void> {
    const client = new RegistryClient(url())
    const { status, ...answer } = await client.post(`/v2/a/blobs/uploads/?digest=${digestOf(bytes)}`, bytes)
    await client.close()
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(answer)}`)
  }

  /** Begun, and read on when it is told to. */
  async function slowPull(bytes: Uint8Array, goOn: Promise<void>): Promise<string> {
    const response = await fetch(`${url()}/v2/a/blobs/${digestOf(bytes)}`, {
      headers: { connection: 'close' },
    })
    const hash = createHash('sha256')
    for await (const piece of response.body ?? []) {
      hash.update(piece)
      await goOn
    }
    return `sha256:${hash.digest('hex')}`
  }

  async function slowPush(bytes: Uint8Array, goOn: Promise<void>): Promise<number> {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, MIB)
      await goOn
      yield bytes.subarray(MIB)
    }
    const client = new RegistryClient(url())
    const answer = await client.post(`/v2/a/blobs/uploads/?digest=${digestOf(bytes)}`, pieces(), {
      'content-length': String(bytes.length),
    })
    await client.close()
    return answer.status
  }

  test('cut none of them, and fail no request', async () => {
    const stored = randomBytes(48 * MIB)
    const pushed = randomBytes(8 * MIB)
    await push(stored)
    const goOn = Promise.withResolvers<void>()
    const pull = slowPull(stored, goOn.promise)
    const upload = slowPush(pushed, goOn.promise)
    const statuses: number[] = []
    let isRunning = true
    async function client(): Promise<void> {
      const target = `${url()}/v2/a/blobs/${digestOf(stored)}`
      const headers = { connection: 'close' }
      while (isRunning) statuses.push((await fetch(target, { method: 'HEAD', headers })).status)
    }
    const clients = [client(), client(), client()]
    for (const number of [1, 2, 3, 4, 5]) {
      const front = { maxUploadSize: `${100 + number}m` }
      expect(await box().apply(`load-${number}`, { front })).toMatchObject({ outcome: 'applied' })
    }
    expect(await countDraining(box().places.prefix)).toBeGreaterThan(0)
    isRunning = false
    await Promise.all(clients)
    goOn.resolve()
    expect(await pull).toBe(digestOf(stored))
    expect(await upload).toBe(201)
    expect(statuses.length).toBeGreaterThan(20)
    expect(statuses.filter((status) => status !== 200)).toEqual([])
    await eventually('nothing drains', async () => (await countDraining(box().places.prefix)) === 0)
  })

  test('are refused in words while too many generations drain', async () => {
    const stored = randomBytes(48 * MIB)
    await push(stored)
    const goOn = Promise.withResolvers<void>()
    const pull = slowPull(stored, goOn.promise)
    await eventually('a transfer of before drains', async () => {
      await box().apply(`drain-${performance.now()}`, {
        front: { workers: 1 + Math.ceil(performance.now() % 4) },
      })
      return (await countDraining(box().places.prefix)) > 0
    })
    const pace = openReloadPace({
      clock: systemClock,
      countDraining: () => countDraining(box().places.prefix),
      everyMs: 0,
      mostDraining: 0,
      patienceMs: 200,
    })
    const { places, programs } = box()
    const options = { places, programs, clock: systemClock, pace }
    const running = await box().running()
    const front = { maxUploadSize: '7m' }
    const refused = await applyGeneration(box().candidate('busy', { front }), options)
    expect(refused).toMatchObject({ outcome: 'refused', stage: 'nginx' })
    expect(refused).toHaveProperty('reason', expect.stringMatching(/^[1-9] earlier configurations? serve/))
    expect(await box().running()).toBe(running)
    goOn.resolve()
    expect(await pull).toBe(digestOf(stored))
    await eventually('nothing drains', async () => (await countDraining(box().places.prefix)) === 0)
    expect(await applyGeneration(box().candidate('busy', { front }), options)).toMatchObject({
      outcome: 'applied',
    })
  })
})
