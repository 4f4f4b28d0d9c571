import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { basic } from '#core-test/access/parts.js'
import { RESTRICTED } from '../support/accounts.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { DAEMONS, DockerBehindMirror } from './docker-behind-mirror.js'

/** Nobody else may hear it. */
const CANARY = 'canary-of-docker-hub'
/** What the mirror is at the hub. */
const BOX = 'password-of-the-box'

describe.each(DAEMONS)('$title, logged in to Docker Hub, with a mirror that knows people', (kind) => {
  let stage: DockerBehindMirror

  beforeAll(async () => {
    stage = await DockerBehindMirror.start(new StateFolder(), kind, {
      isListenedTo: true,
      hub: { auth: 'basic', users: { someone: CANARY, box: BOX } },
      hubSettings: { username: 'box', password: BOX, expose: 'all' },
      listener: { anonymous: 'none' },
      config: RESTRICTED,
      // Read by the newer ones only: what is sent for another host, and not to that of the hub.
      header: basic('owner'),
    })
    await stage.daemon.docker('login', '--username', 'someone', '--password', CANARY)
  })
  afterAll(() => stage.close())
  async function pull(name: string): Promise<void> {
    const state = new StateFolder()
    holdImage(stage.hubs.hub, name, { state, seed: name, layers: 1, layerBytes: 10_000 })
    await state.destroy()
    await stage.daemon.docker('pull', `${name}:1`)
  }

  /** The logins that the hub has heard, from the mirror or from the daemon. */
  function heardByHub(isOurs: boolean): readonly string[] {
    const asked = stage.hubs.hub.requests.filter((seen) => seen.isOurs === isOurs)
    return [...new Set(asked.flatMap(({ headers }) => headers.authorization ?? []))]
  }

  const isKnown = kind.store === 'containerd'
  test(`${isKnown ? 'pulls from the mirror by the header of its file' : 'pulls from the hub, since the mirror knows it not'}`, async () => {
    stage.hubs.forgetRequests()
    await pull('team/first')
    expect(stage.direct.length > 0).toBe(!isKnown)
    expect(stage.heads.length).toBeGreaterThan(0)
  })

  if (kind.suite === 'sid')
    test('builds on an image of the mirror by that header', async () => {
      await pull('team/first')
      stage.hubs.forgetRequests()
      await stage.daemon.docker('image', 'rm', '--force', 'team/first:1')
      expect([await stage.build('team/first:1'), stage.direct]).toEqual([0, []])
    })

  test('keeps the password of Docker Hub from the mirror', async () => {
    await pull('team/second')
    const words = [CANARY, Buffer.from(`someone:${CANARY}`).toString('base64')]
    const heard = [...stage.heads, stage.hubs.mirror.core.process.log()].join('\n')
    expect(words.filter((word) => heard.includes(word))).toEqual([])
    const toMirror = stage.heads.flatMap((head) => /^authorization: (.*)$/im.exec(head)?.[1]?.trim() ?? [])
    expect(toMirror.filter((sent) => sent !== basic('owner'))).toEqual([])
  })

  test('and what the mirror is told from the hub', () => {
    expect(heardByHub(true)).toEqual(kind.suite === 'sid' ? [basic('box', BOX)] : [])
    expect(heardByHub(false)).not.toContain(basic('owner'))
  })
})
