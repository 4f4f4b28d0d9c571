import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { checksOf } from '#core/health/checks.js'
import { openHealth } from '#core/health/health.js'
import { startHousekeeping } from '#core/housekeeping/runner.js'
import { nodeFs } from '#core/store/node-fs.js'
import type { Log } from '#core/system/log.js'
import { FakeClock } from './fake-clock.js'

const NOTHING = { storage: undefined, files: [], http: [], tcp: [] }

describe('the health checks of a configuration', () => {
  let said: string[] = []
  let root = ''
  const log: Log = {
    info: (_fields, sentence) => void said.push(sentence),
    warn: (_fields, sentence) => void said.push(sentence),
    error: (_fields, sentence) => void said.push(sentence),
  }
  beforeEach(() => {
    said = []
    root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  test('fail when they failed so many times in a row, and are well after one success', async () => {
    const answers = ['away', undefined, 'away', 'away', 'still away', undefined]
    const clock = new FakeClock()
    const health = openHealth({
      log,
      checks: [{ name: 'db', everyMs: 1000, threshold: 2, ask: () => Promise.resolve(answers.shift()) }],
    })
    const keeping = startHousekeeping({ jobs: health.jobs, clock, log })
    const states = []
    for (let second = 0; second < 6; second += 1) {
      await clock.advance(second === 0 ? 0 : 1000)
      states.push(health.first()?.why)
    }
    expect(states).toEqual([undefined, undefined, undefined, 'away', 'still away', undefined])
    expect(said).toEqual([
      'nothing is served until the health check of db is well again: away',
      'the health check of db is well again',
    ])
    await keeping.stop()
  })

  test('name each that fails, in the order of the file', async () => {
    const failing = (name: string) => ({
      name,
      everyMs: 1000,
      threshold: 1,
      ask: () => Promise.resolve('no'),
    })
    const health = openHealth({ log, checks: [failing('b'), failing('a')] })
    for (const job of health.jobs) await job.run(new AbortController().signal)
    expect([...health.failing()]).toEqual([
      ['b', 'no'],
      ['a', 'no'],
    ])
    expect(health.first()).toEqual({ check: 'b', why: 'no' })
    expect(health.sentences()).toEqual(['the health check of b fails: no', 'the health check of a fails: no'])
  })

  test('of the store notice a folder that is gone, or empty after it was not', async () => {
    const store = path.join(root, 'store')
    mkdirSync(path.join(store, 'docker'), { recursive: true })
    const storage = { intervalMs: 1000, threshold: 1 }
    const [check] = checksOf({ ...NOTHING, storage }, { fs: nodeFs, root: store, clock: new FakeClock() })
    const ask = () => check?.ask(new AbortController().signal)
    expect(check?.name).toBe('storagedriver_filesystem')
    expect(await ask()).toBeUndefined()
    renameSync(store, `${store}-away`)
    expect(await ask()).toMatch(/is gone; is its disk still mounted/)
    mkdirSync(store)
    expect(await ask()).toMatch(/is empty; is its disk still mounted/)
  })

  test('of the store give up a disk that does not answer', async () => {
    const clock = new FakeClock()
    const fs = { ...nodeFs, statNow: nodeFs.statNow, list: () => new Promise<undefined>(() => undefined) }
    const storage = { intervalMs: 1000, threshold: 1 }
    const [check] = checksOf({ ...NOTHING, storage }, { fs, root, clock })
    const asked = check?.ask(new AbortController().signal)
    await clock.advance(10_000)
    expect(await asked).toBe('no answer within 10 s')
  })

  test('of a file fail while it is there', async () => {
    const file = path.join(root, 'down')
    const files = [{ file, intervalMs: 1000, threshold: 1 }]
    const [check] = checksOf({ ...NOTHING, files }, { fs: nodeFs, root, clock: new FakeClock() })
    expect(await check?.ask(new AbortController().signal)).toBeUndefined()
    writeFileSync(file, '')
    expect(await check?.ask(new AbortController().signal)).toBe('file exists')
  })
})
