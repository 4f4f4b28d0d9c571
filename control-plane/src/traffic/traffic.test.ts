import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'

import { systemClock } from '../system/clock.js'
import { Traffic, type TrafficOptions } from './traffic.js'

let folder: string
let traffic: Traffic

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  mkdirSync(path.join(folder, 'logs'))
  traffic = opened()
})

afterEach(async () => {
  await traffic.stop()
  rmSync(folder, { recursive: true })
})

/** One that looks when it is asked only, unless a test wants it to look by itself. */
function opened(further: Partial<TrafficOptions> = {}): Traffic {
  return new Traffic({
    ...{ folder: path.join(folder, 'logs'), stateFile: path.join(folder, 'traffic.json') },
    ...{ clock: systemClock, log: pino({ level: 'silent' }), everyMs: 3_600_000 },
    rotate: async () => undefined,
    ...further,
  })
}

function at(name: string): string {
  return path.join(folder, 'logs', name)
}

const PULL = {
  ...{
    time: '2026-11-22T04:00:00+00:00',
    request_id: 'r',
    remote: '10.0.0.7',
    view: 'mirror',
    method: 'GET',
  },
  ...{ target: '/v2/library/alpine/manifests/latest', protocol: 'HTTP/1.1', tls: 'TLSv1.3', status: 200 },
  ...{ bytes_sent: 1000, body_bytes: 800, request_bytes: 300, seconds: 0.01, core_status: '200' },
  ...{ core_seconds: '0.009', completion: 'OK', cache: 'hit', from_disk: false },
  ...{ account: 'ci', user_agent: 'docker/20.10.24+dfsg1 go/go1.19.8' },
}

function lineOf(changes: object = {}): string {
  return `${JSON.stringify({ ...PULL, ...changes })}\n`
}

async function numberOf(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const { values = [] } = (await traffic.register.getSingleMetric(name)?.get()) ?? {}
  const wanted = Object.entries(labels)
  const found = values.filter(({ labels: has }) =>
    wanted.every(([key, value]) => new Map(Object.entries(has)).get(key) === value),
  )
  return found.reduce((sum, { value }) => sum + value, 0)
}

const REQUESTS = 'entrepot_front_requests_total'

describe('what nginx has logged', () => {
  test('is counted by listener, method, class of status, word of X-Cache and who answered', async () => {
    await traffic.start()
    appendFileSync(
      at('access.log'),
      lineOf() + lineOf({ from_disk: true, bytes_sent: 50_000, cache: 'miss' }),
    )
    appendFileSync(at('access.log'), lineOf({ view: 'registry', tls: '', status: 413, core_status: '' }))
    await traffic.catchUp()
    const mirror = { view: 'mirror', scheme: 'https', method: 'GET', status: '2xx' }
    expect(await numberOf(REQUESTS, { ...mirror, cache: 'hit', by: 'behind' })).toBe(1)
    expect(await numberOf(REQUESTS, { ...mirror, cache: 'miss', by: 'disk' })).toBe(1)
    expect(await numberOf('entrepot_front_sent_bytes_total', { by: 'disk' })).toBe(50_000)
    expect(await numberOf('entrepot_front_refused_total', { view: 'registry', status: '413' })).toBe(1)
  })

  test.each([
    ['502 that nobody behind nginx gave', { status: 502, core_status: '502' }, 'nginx'],
    ['503 of the core', { status: 503, core_status: '503' }, 'behind'],
    ['answer of the second that was asked', { status: 200, core_status: '502, 200' }, 'behind'],
    ['400 of no request', { status: 400, core_status: '' }, 'nginx'],
    ['413 in the midst of a body', { status: 413, core_status: '-' }, 'nginx'],
  ])('tells who answered: %s', async (_, changes, by) => {
    await traffic.start()
    appendFileSync(at('access.log'), lineOf(changes))
    await traffic.catchUp()
    expect(await numberOf(REQUESTS, { by })).toBe(1)
  })

  test('makes no more labels than there are words, whatever clients send', async () => {
    await traffic.start()
    for (let number = 0; number < 2000; number++)
      appendFileSync(
        at('access.log'),
        lineOf({
          ...{ method: `M${number}`, cache: `c${number}`, view: `v${number}`, user_agent: `u${number}` },
          ...{ target: `/v2/a${number}/manifests/1`, status: 400 + (number % 200), core_status: '' },
        }),
      )
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(2000)
    expect((await traffic.register.metrics()).split('\n').length).toBeLessThan(100)
  })

  test('that is no line is counted as such, and the next one is read', async () => {
    await traffic.start()
    appendFileSync(at('access.log'), `{"time":\n[]\n${'x'.repeat(2_000_000)}\n${lineOf()}`)
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(1)
    expect(await numberOf('entrepot_front_log_unreadable_lines_total')).toBeGreaterThan(1)
  })

  test('is read when it is whole: half a line waits for its other half', async () => {
    await traffic.start()
    const line = lineOf()
    appendFileSync(at('access.log'), line.slice(0, 100))
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(0)
    appendFileSync(at('access.log'), line.slice(100))
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(1)
  })
})

describe('a log', () => {
  test('loses no line when it is closed while a worker writes on, and the oldest goes', async () => {
    const limits = [{ name: 'access.log', bytes: 1500, kept: 2 }]
    const rotated: string[] = []
    traffic = opened({
      ...{ limits, everyMs: 5 },
      async rotate({ name, kept }) {
        for (let number = kept; number > 1; number--)
          if (statSync(at(`${name}.${number - 1}`), { throwIfNoEntry: false }))
            renameSync(at(`${name}.${number - 1}`), at(`${name}.${number}`))
        renameSync(at(name), at(`${name}.1`))
        rotated.push(name)
        appendFileSync(at(`${name}.1`), lineOf()) // a worker that has not heard of it
      },
    })
    await traffic.start()
    let written = 0
    for (let round = 0; round < 6; round++) {
      const before = rotated.length
      appendFileSync(at('access.log'), lineOf().repeat(4))
      written += 5 // with the late one
      while (rotated.length === before) await systemClock.sleep(2)
    }
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(written)
    expect(await numberOf('entrepot_front_log_rotations_total', { file: 'access.log' })).toBe(6)
    expect(statSync(at('access.log.3'), { throwIfNoEntry: false })).toBeUndefined()
  })

  test('that is written faster than it is read is closed and goes, and what nobody has read is counted', async () => {
    const flood = lineOf().repeat(40)
    const limits = [{ name: 'access.log', bytes: lineOf().length * 10, kept: 2 }]
    const isOver = Promise.withResolvers<void>()
    let floods = 20
    traffic = opened({
      ...{ limits, everyMs: 5, partBytes: lineOf().length * 20 },
      async rotate({ name }) {
        if (statSync(at(`${name}.1`), { throwIfNoEntry: false })) renameSync(at(`${name}.1`), at(`${name}.2`))
        renameSync(at(name), at(`${name}.1`))
        writeFileSync(at(name), floods > 0 ? flood : '')
        floods -= 1
        if (floods < 0) isOver.resolve()
      },
    })
    await traffic.start()
    writeFileSync(at('access.log'), flood)
    await isOver.promise
    await traffic.catchUp()
    const sizes = ['access.log', 'access.log.1', 'access.log.2'].map(
      (name) => statSync(at(name), { throwIfNoEntry: false })?.size ?? 0,
    )
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(flood.length * 2)
    const lost = await numberOf('entrepot_front_log_lost_bytes_total')
    expect(lost).toBeGreaterThan(0)
    expect((await numberOf(REQUESTS)) + lost / lineOf().length).toBe(21 * 40)
  })

  test('that was renamed by somebody who was killed then is closed after all', async () => {
    appendFileSync(at('access.log.1'), lineOf())
    const rotated = Promise.withResolvers<string>()
    traffic = opened({ everyMs: 5, rotate: async ({ name }) => rotated.resolve(name) })
    await traffic.start()
    expect(await rotated.promise).toBe('access.log')
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(1)
  })

  test('that was emptied by hand is read from its start', async () => {
    await traffic.start()
    appendFileSync(at('access.log'), lineOf().repeat(10))
    await traffic.catchUp()
    writeFileSync(at('access.log'), lineOf())
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(11)
  })

  test('of before the first start is read from its last part on, and from where a line begins', async () => {
    appendFileSync(at('access.log'), lineOf().repeat(100))
    traffic = opened({ limits: [{ name: 'access.log', bytes: lineOf().length * 10 + 5, kept: 1 }] })
    await traffic.start()
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(10)
    expect(await numberOf('entrepot_front_log_unreadable_lines_total')).toBe(0)
  })

  test('is read on after a restart, with what came meanwhile, and nothing twice', async () => {
    await traffic.start()
    appendFileSync(at('access.log'), lineOf())
    await traffic.stop()
    appendFileSync(at('access.log'), lineOf({ remote: '10.0.0.8' }))
    traffic = opened()
    await traffic.start()
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(1)
    expect(traffic.seen().map(({ address }) => address)).toEqual(['10.0.0.8', '10.0.0.7'])
  })

  test('whose bookmarks were spoiled is read again, and nothing fails', async () => {
    writeFileSync(path.join(folder, 'traffic.json'), '{"bookmarks": {"1:2": -5}')
    appendFileSync(at('access.log'), lineOf())
    await traffic.start()
    await traffic.catchUp()
    expect(await numberOf(REQUESTS)).toBe(1)
  })
})

describe('the last pull seen', () => {
  async function seenAfter(...changes: readonly object[]) {
    await traffic.start()
    appendFileSync(at('access.log'), changes.map(lineOf).join(''))
    await traffic.catchUp()
    return traffic.seen()
  }

  test('has address, program, listener and time, one row for each way', async () => {
    const blob = { target: `/v2/library/alpine/blobs/sha256:${'a'.repeat(64)}`, from_disk: true }
    expect(
      await seenAfter(
        {},
        { ...blob, time: '2026-11-22T04:00:05+00:00' },
        {
          view: 'registry',
          tls: '',
          account: '',
          user_agent: 'containerd/1.6.20~ds1',
          time: '2026-11-22T05:00:00+00:00',
        },
      ),
    ).toEqual([
      {
        ...{ address: '10.0.0.7', program: 'containerd', view: 'registry', scheme: 'http', pulls: 1 },
        ...{ lastPull: '2026-11-22T05:00:00.000Z', userAgent: 'containerd/1.6.20~ds1', account: '' },
      },
      {
        ...{ address: '10.0.0.7', program: 'docker', view: 'mirror', scheme: 'https', pulls: 1 },
        ...{ lastPull: '2026-11-22T04:00:05.000Z', userAgent: PULL.user_agent, account: 'ci' },
      },
    ])
  })

  test.each([
    ['a HEAD', { method: 'HEAD' }],
    ['a push', { method: 'PUT', status: 201 }],
    ['what was not there', { status: 404 }],
    ['a ping', { target: '/v2/' }],
    ['a list of tags', { target: '/v2/library/alpine/tags/list' }],
    ['an upload', { target: '/v2/library/alpine/blobs/uploads/1/2' }],
    ['a probe of the box', { user_agent: 'entrepot-probe', target: '/v2/' }],
  ])('does not take %s for one', async (_, changes) => {
    expect(await seenAfter(changes)).toEqual([])
  })

  test('keeps a thousand clients, the last ones', async () => {
    const seen = await seenAfter(...Array.from({ length: 1500 }, (_, number) => ({ remote: `c${number}` })))
    expect([seen.length, seen[0]?.address, seen.at(-1)?.address]).toEqual([1000, 'c1499', 'c500'])
  })

  test('takes a program without a name for unknown', async () => {
    const [one] = await seenAfter({ user_agent: '\u001b[31m' })
    expect(one?.program).toBe('unknown')
  })
})
