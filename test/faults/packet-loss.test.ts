import path from 'node:path'

import { expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'

const PROGRAM = path.join(import.meta.dirname, '../programs/lossy-pulls.js')

interface Outcome {
  readonly images: number
  readonly dropped: number
  readonly resets: number
  readonly fetched: readonly string[]
  readonly cached: readonly string[]
  readonly healed: readonly string[]
  readonly wrong: readonly string[]
}

describeNeeding(
  [
    { program: 'iptables', debianPackage: 'iptables' },
    { program: 'ip', debianPackage: 'iproute2' },
    { program: 'unshare', debianPackage: 'util-linux' },
  ],
  'a mirror whose network loses packets, to its clients and to its upstream',
  () => {
    test('serves what it has and what it has not, keeps no wrong byte, and goes on after resets', async () => {
      const script = 'ip link set lo up && exec "$0" "$@"'
      const { code, stdout, stderr } = await runToEnd('unshare', [
        ...['--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
        ...['sh', '-c', script, process.execPath, PROGRAM],
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const outcome = JSON.parse(stdout) as Outcome
      expect(outcome).toMatchObject({ images: 20, fetched: [], cached: [], healed: [], wrong: [] })
      expect(outcome.dropped).toBeGreaterThan(20)
      expect(outcome.resets).toBeGreaterThan(0)
    }, 240_000)
  },
)
