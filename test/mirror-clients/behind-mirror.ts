import { expect, test } from '@jest/globals'

import type { SeenRequest } from '../support/fake-upstream/seen-requests.js'
import type { MirroredHubs } from '../support/mirrored-hubs.js'
import { type Suite, SUITES } from '../support/toolbox.js'

/** How a client reaches the mirror; by TLS both show certificates of an authority of their own. */
export type Way = 'http' | 'https'
export const WAYS: readonly Way[] = ['http', 'https']

/** Each suite's clients, each way. */
export const CASES: readonly { readonly suite: Suite; readonly way: Way }[] = SUITES.flatMap((suite) =>
  WAYS.map((way) => ({ suite, way })),
)

/** A client that has our mirror, and then the hubs themselves. */
export interface BehindMirror {
  readonly hubs: MirroredHubs
  /** What the client asked the hubs for itself. */
  readonly direct: readonly SeenRequest[]
}

/** What is promised of the client, and pulls that it must do then. */
export type Promised = readonly [title: string, expectPulls: () => Promise<void>]

/** Every client outlives its mirror: it does without it while it is killed, and uses it again when it is back. */
export function mirrorLossContract(
  stage: () => BehindMirror,
  { killed, back }: { readonly killed: Promised; readonly back: Promised },
): void {
  const [whenKilled, expectPulls] = killed
  test(whenKilled, async () => {
    const { process } = stage().hubs.mirror.core
    process.signal('SIGKILL')
    await process.ended
    await expectPulls()
    expect(stage().direct.length).toBeGreaterThan(0)
  })

  const [whenBack, expectPullsAgain] = back
  test(whenBack, async () => {
    await stage().hubs.mirror.restart()
    await expectPullsAgain()
    expect(stage().direct).toEqual([])
  })
}
