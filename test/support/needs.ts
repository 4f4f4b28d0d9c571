import { describe, test } from '@jest/globals'

import { findProgram } from '#control/box/find-program.js'

/** A program that a lane of tests cannot do without, and the Debian package that brings it. */
export interface Need {
  readonly program: string
  readonly debianPackage: string
}

/**
 * A `describe` whose programs must be there. A missing one fails the lane where CI is set; elsewhere the lane is not
 * run, and its title says what to install: never a lane that looks green because it did nothing.
 */
export function describeNeeding(needs: readonly Need[], title: string, body: () => void): void {
  const missing = needs.filter(({ program }) => findProgram(program) === undefined)
  if (missing.length === 0) {
    describe(title, body)
    return
  }
  const install = `apt-get install ${missing.map(({ debianPackage }) => debianPackage).join(' ')}`
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    test(`${title}: has what it needs`, () => {
      throw new Error(`${missing.map(({ program }) => program).join(', ')} missing: ${install}`)
    })
    return
  }
  describe.skip(`${title} (not run: ${install})`, () => {
    test('needs its programs', () => undefined)
  })
}
