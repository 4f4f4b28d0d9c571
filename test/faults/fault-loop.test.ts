import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { describeNeeding } from '../support/needs.js'
import { choosePoints, FaultLoop } from './fault-loop.js'
import { leftOvers, purgeAsLater } from './left-overs.js'
import { DISTRIBUTION, STRACE } from './needs.js'
import type { CallPoint } from './strace.js'

describeNeeding([STRACE, DISTRIBUTION], 'one registry, fault after fault', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const seed = chooseSeed('fault loop')
  let loop: FaultLoop
  let points: readonly CallPoint[]

  beforeAll(async () => {
    loop = await FaultLoop.start(root)
    points = await loop.record()
  }, 60_000)

  afterAll(async () => {
    await loop.stop()
    rmSync(root, { recursive: true })
  }, 30_000)

  test('a round of work makes every kind of call that a kill is put before', () => {
    const calls = new Set(points.map(({ call }) => call))
    for (const call of ['openat', 'pwrite64', 'fsync', 'write', 'mkdir', 'rename', 'unlink', 'rmdir'])
      expect(calls).toContain(call)
    expect(points.length).toBeGreaterThan(300)
  })

  test.each(['EIO', 'ENOSPC', 'EROFS', 'EDQUOT'])(
    'a call that fails with %s is a refusal in words',
    async (error) => {
      const writing = points.filter(({ call }) => call !== 'write' && call !== 'openat')
      const { hit, checked } = await loop.failAt(choosePoints(writing, 14, seed), error)
      expect(hit).toBeGreaterThan(10)
      expect(checked).toBeGreaterThan(20)
    },
    120_000,
  )

  test('killed before any call, it has kept what it acknowledged, and nothing is half there', async () => {
    const { hit, checked } = await loop.killAt(choosePoints(points, 60, seed))
    expect(hit).toBeGreaterThan(48)
    expect(checked).toBeGreaterThan(200)
  }, 300_000)

  test('what the killed processes left is gone after the jobs of a later day', async () => {
    await loop.stop()
    expect(leftOvers(root)).not.toEqual([])
    await purgeAsLater(root)
    expect(leftOvers(root)).toEqual([])
  }, 30_000)
})
