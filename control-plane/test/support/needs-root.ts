import { describe, test } from '@jest/globals'

/** A `describe` for what only root can do. Elsewhere it is not run and says so; where CI is set, that is a failure. */
export function describeAsRoot(title: string, body: () => void): void {
  if (process.getuid?.() === 0) {
    describe(title, body)
    return
  }
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    test(`${title}: runs as root`, () => {
      throw new Error('CI runs these tests as root')
    })
    return
  }
  describe.skip(`${title} (not run: start the tests as root)`, body)
}
