import { expect, test } from '@jest/globals'

import { NEEDS } from '../../front/suite.js'
import { chooseSeed } from '../../programs/stress/chance.js'
import { describeNeeding } from '../../support/needs.js'
import { nginxPrograms } from '../../support/nginx-programs.js'
import { fuzzTargets } from './fuzz-targets.js'

/** `targets.deep.test.ts` sends a million. */
const TARGETS = 100_000

const seed = chooseSeed('targets')
const programs = await nginxPrograms()

describeNeeding(NEEDS, 'any request target', () => {
  test.each(programs.map((program, at) => [program.version, program, at] as const))(
    'means the same to nginx %s and to the core, or is refused',
    async (_version, program, at) => {
      const count = Math.ceil(TARGETS / programs.length)
      const { asked, refused, faults } = await fuzzTargets(program, count, seed + at)
      expect(faults).toEqual([])
      expect(asked).toBe(count)
      // Neither is all of it.
      expect(refused).toBeGreaterThan(count / 10)
      expect(refused).toBeLessThan((count * 9) / 10)
    },
    300_000,
  )
})
