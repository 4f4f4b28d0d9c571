import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { basic } from '#core-test/access/parts.js'
import { RESTRICTED } from '../support/accounts.js'
import { holdImage, holdIndex } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { SUITES } from '../support/toolbox.js'
import { CASES, mirrorLossContract } from './behind-mirror.js'
import { type Program, PROGRAMS, ToolsBehindMirror } from './tools-behind-mirror.js'

const NAMES = ['docker.io/library/multi:1', 'quay.io/team/single:1']

describe.each(CASES)(
  "Debian's tools ($suite) with two mirrors by $way, the first one dead",
  ({ suite, way }) => {
    let stage: ToolsBehindMirror

    beforeAll(async () => {
      const state = new StateFolder()
      stage = await ToolsBehindMirror.start(suite, state, { way })
      const shape = { state, layers: 3, layerBytes: 200_000 }
      holdIndex(stage.hubs.hub, 'library/multi', { ...shape, seed: 'multi' })
      holdImage(stage.hubs.quay, 'team/single', { ...shape, seed: 'single' })
    })
    afterAll(() => stage.close())
    beforeEach(() => stage.hubs.forgetRequests())

    async function expectPulls(programs: readonly Program[]): Promise<void> {
      for (const program of programs) for (const name of NAMES) await stage.pull(program, name)
    }

    test('pull an image, and one of an index or all, through the living one', async () => {
      await expectPulls(PROGRAMS)
      expect(stage.direct).toEqual([])
      const blobs = ['config', 'layer', 'layer', 'layer'].length
      expect(stage.hubs.hub.count({ kind: 'blob' })).toBe(2 * blobs)
      expect(stage.hubs.quay.count({ kind: 'blob' })).toBe(blobs)
    })

    test('pull all of it again while the hubs are down', async () => {
      await stage.hubs.hubsDown()
      await expectPulls(PROGRAMS)
      await stage.hubs.hubsUp()
    })

    mirrorLossContract(() => stage, {
      killed: ['go on to the hubs by themselves when the mirror is killed', () => expectPulls(PROGRAMS)],
      back: ['come back to the mirror when that is back', () => expectPulls(['podman'])],
    })
  },
)

describe.each(SUITES)(
  "Debian's tools (%s), logged in to Docker Hub, with a mirror that knows people",
  (suite) => {
    const CANARY = 'someone:canary-of-docker-hub'
    let stage: ToolsBehindMirror
    let hubLogins: Readonly<Record<string, string>>

    beforeAll(async () => {
      const state = new StateFolder()
      stage = await ToolsBehindMirror.start(suite, state, {
        listener: { anonymous: 'none' },
        config: RESTRICTED,
      })
      hubLogins = { 'docker.io': CANARY, [`127.0.0.1:${stage.hubs.hub.port}`]: CANARY }
      const shape = { state, layers: 1, layerBytes: 10_000 }
      holdImage(stage.hubs.hub, 'library/app', { ...shape, seed: 'app' })
    })
    afterAll(() => stage.close())
    beforeEach(() => stage.hubs.forgetRequests())

    test.each(PROGRAMS)('%s pulls by the login of the mirror', async (program) => {
      stage.setLogins({ ...hubLogins, [stage.mirrorHost]: 'owner:owner-password' })
      await stage.pull(program, 'docker.io/library/app:1')
      expect(stage.direct).toEqual([])
    })

    test('pull from the hub where they have none', async () => {
      stage.setLogins(hubLogins)
      const from = stage.heads.length
      await stage.pull('podman', 'docker.io/library/app:1')
      expect(stage.direct.length).toBeGreaterThan(0)
      expect(stage.heads.slice(from)).not.toEqual([])
    })

    test('keep the login of Docker Hub from the mirror', () => {
      const heard = [...stage.heads, stage.hubs.mirror.core.process.log()].join('\n')
      const words = ['canary-of-docker-hub', Buffer.from(CANARY).toString('base64'), 'owner-password']
      expect(words.filter((word) => heard.includes(word))).toEqual([])
      const shown = stage.heads.flatMap(
        (head) => /^authorization: (basic .*)$/im.exec(head)?.[1]?.trim() ?? [],
      )
      expect(new Set(shown)).toEqual(new Set([basic('owner')]))
    })
  },
)
