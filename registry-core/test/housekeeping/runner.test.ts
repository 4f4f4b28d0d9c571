import { describe, expect, test } from '@jest/globals'
import { type Job, purgeStaleUploads, watchForForeignWriter } from '#core/housekeeping/jobs.js'
import { startHousekeeping } from '#core/housekeeping/runner.js'
import type { Log } from '#core/system/log.js'
import { FakeClock, turn } from '../fake-clock.js'

const HOUR_MS = 3_600_000

function memoryLog(): { log: Log; said: string[] } {
  const said: string[] = []
  const say = (level: string) => (_fields: object, sentence: string) =>
    void said.push(`${level}: ${sentence}`)
  return { said, log: { info: say('info'), warn: say('warn'), error: say('error') } }
}

function job(run: Job['run'], firstAfterMs = 60_000): Job {
  return { name: 'a-job', everyMs: HOUR_MS, firstAfterMs, run }
}

describe('housekeeping', () => {
  test('runs a job when it is first due, and then each hour', async () => {
    const clock = new FakeClock()
    const { log, said } = memoryLog()
    const keeping = startHousekeeping({ clock, log, jobs: [job(() => Promise.resolve('done something'))] })
    await clock.advance(59_000)
    expect(said).toEqual([])
    await clock.advance(1000)
    expect(said).toEqual(['info: done something'])
    await clock.advance(2 * HOUR_MS)
    expect(said).toHaveLength(3)
    await keeping.stop()
    await clock.advance(2 * HOUR_MS)
    expect(said).toHaveLength(3)
  })

  test('tries a job that has failed again the next time', async () => {
    const clock = new FakeClock()
    const { log, said } = memoryLog()
    const keeping = startHousekeeping({ clock, log, jobs: [job(() => Promise.reject(new Error('no disk')))] })
    await clock.advance(HOUR_MS)
    expect(said).toEqual(['error: a job failed', 'error: a job failed'])
    await keeping.stop()
  })

  test('starts no job a second time that still runs', async () => {
    const clock = new FakeClock()
    const { log } = memoryLog()
    let starts = 0
    const { promise: released, resolve: release } = Promise.withResolvers<undefined>()
    const slow = job(() => {
      starts += 1
      return released
    }, 0)
    const keeping = startHousekeeping({ clock, log, jobs: [slow] })
    await clock.advance(HOUR_MS)
    expect(starts).toBe(1)
    release(undefined)
    await turn()
    await clock.advance(HOUR_MS)
    expect(starts).toBe(2)
    await keeping.stop()
  })

  test('ends what runs when it is stopped, without calling that a failure', async () => {
    const clock = new FakeClock()
    const { log, said } = memoryLog()
    const endless = job(async (signal) => {
      await clock.sleep(1_000_000_000, signal)
      return 'never'
    }, 0)
    const keeping = startHousekeeping({ clock, log, jobs: [endless] })
    await clock.advance(0)
    await keeping.stop()
    expect(said).toEqual([])
  })
})

test('unfinished uploads end by the age that the configuration names', async () => {
  const clock = new FakeClock({ start: new Date('2026-03-08T00:00:00.000Z') })
  const limits: string[] = []
  const stages = {
    purge: (limit: Date) => {
      limits.push(limit.toISOString())
      return Promise.resolve(2)
    },
    countStale: () => Promise.reject(new Error('it is no dry run')),
  }
  const purging = purgeStaleUploads(stages, clock, {
    ageMs: 7 * 24 * HOUR_MS,
    intervalMs: HOUR_MS,
    isDryRun: false,
  })
  expect(await purging.run(new AbortController().signal)).toBe('2 unfinished uploads ended')
  expect(limits).toEqual(['2026-03-01T00:00:00.000Z'])
})

test('unfinished uploads are only counted in a dry run', async () => {
  const stages = {
    purge: () => Promise.reject(new Error('it is a dry run')),
    countStale: () => Promise.resolve(2),
  }
  const settings = { ageMs: HOUR_MS, intervalMs: HOUR_MS, isDryRun: true }
  expect(await purgeStaleUploads(stages, new FakeClock(), settings).run(new AbortController().signal)).toBe(
    '2 unfinished uploads would end, but uploadpurging.dryrun is on',
  )
})

test('a foreign writer is said once when it is found', async () => {
  const { log, said } = memoryLog()
  let warnings: string[] = []
  const store = {
    warnings: () => warnings,
    lookForForeignWriter: () => {
      warnings = ['another program writes this volume']
      return Promise.resolve()
    },
  }
  const watching = watchForForeignWriter(store, log)
  for (let times = 0; times < 3; times += 1) await watching.run(new AbortController().signal)
  expect(said).toEqual(['warn: another program writes this volume'])
  expect(watching.firstAfterMs).toBe(0)
})
