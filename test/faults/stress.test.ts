import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION } from './needs.js'
import { runStress } from './stress.js'

describeNeeding([DISTRIBUTION], 'pushers, mounters, deleters and readers in processes of their own', () => {
  const seed = chooseSeed('stress')

  test('against two registries on one volume every tag is a register, and every image whole', async () => {
    const outcome = await runStress({ seed, milliseconds: 20_000, registries: 2, clients: 5, kills: 0 })
    expect(outcome.findings).toEqual([])
    expect(outcome.brokenConnections).toBe(0)
    expect(outcome.pushed).toBeGreaterThan(30)
    expect(outcome.mounted).toBeGreaterThan(0)
    expect(outcome.deleted).toBeGreaterThan(20)
    expect(outcome.pulledWhole).toBeGreaterThan(10)
  }, 120_000)

  test('while registries are killed and started again nothing that was acknowledged is lost', async () => {
    const outcome = await runStress({ seed, milliseconds: 25_000, registries: 2, clients: 4, kills: 20 })
    expect(outcome.findings).toEqual([])
    expect(outcome.brokenConnections).toBeGreaterThan(10)
    expect(outcome.pushed).toBeGreaterThan(15)
    expect(outcome.pulledWhole).toBeGreaterThan(0)
  }, 180_000)
})
