import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { basic } from '#core-test/access/parts.js'
import { RESTRICTED } from '../support/accounts.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { SUITES } from '../support/toolbox.js'
import { ContainerdBehindMirror } from './containerd-behind-mirror.js'

const MIB = 1024 * 1024
/** A pull secret as kubelets have it: it names no registry, so any that asks for a login gets it. */
const SECRET = { username: 'someone', password: 'canary-of-a-pull-secret' }

describe.each(SUITES)("Debian's containerd (%s) with a mirror that knows people", (suite) => {
  let stage: ContainerdBehindMirror
  let state: StateFolder

  beforeAll(async () => {
    state = new StateFolder()
    stage = await ContainerdBehindMirror.start(suite, state, {
      listener: { anonymous: 'none' },
      config: RESTRICTED,
      header: basic('owner'),
    })
    const shape = { state, layers: 1, layerBytes: 10_000 }
    for (const name of ['library/app', 'library/other'])
      holdImage(stage.hubs.hub, name, { ...shape, seed: name })
    holdImage(stage.hubs.quay, 'team/app', { ...shape, seed: 'quay' })
  })
  afterAll(() => stage.close())
  beforeEach(() => stage.hubs.forgetRequests())

  test('pulls by the header of its file, with a pull secret or without', async () => {
    await stage.pullByCtr('docker.io/library/app:1')
    await stage.pullAsKubelet('docker.io/library/other:1', SECRET)
    expect(stage.direct).toEqual([])
    expect(stage.hubs.hub.count({ kind: 'manifest' })).toBe(2)
  })

  test('does not send that header on to the hub', async () => {
    await expect(stage.pullByCtr('docker.io/library/absent:1')).rejects.toThrow(/failed to resolve/)
    expect(stage.direct.length).toBeGreaterThan(0)
    expect(stage.direct.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
  })

  test('goes on to the registry at once where it has no header, and its pull secret stays with it', async () => {
    await stage.pullAsKubelet('quay.io/team/app:1', SECRET)
    expect(stage.direct.length).toBeGreaterThan(0)
    expect(stage.hubs.quay.count()).toBe(stage.direct.length)
  })

  test('never shows a pull secret to the mirror, nor the mirror to anybody', () => {
    const { hub, quay, mirror } = stage.hubs
    const sent = [...hub.requests, ...quay.requests].map(({ headers }) => JSON.stringify(headers))
    const heard = [...stage.heads, ...sent, mirror.core.process.log()].join('\n')
    const { username, password } = SECRET
    const words = [password, Buffer.from(`${username}:${password}`).toString('base64'), 'owner-password']
    expect(words.filter((word) => heard.includes(word))).toEqual([])
    const told = stage.heads.flatMap((head) => /^authorization: (.*)$/im.exec(head)?.[1]?.trim() ?? [])
    expect(new Set(told)).toEqual(new Set([basic('owner')]))
  })
})

describe('containerd 2 that fetches layers in parallel ranges', () => {
  const layerBytes = 12 * MIB
  const buffer = `concurrent_layer_fetch_buffer = ${MIB}`
  let stage: ContainerdBehindMirror

  beforeAll(async () => {
    const state = new StateFolder()
    stage = await ContainerdBehindMirror.start('sid', state, {
      furtherTables: [
        `[plugins."io.containerd.cri.v1.images"]\n${buffer}`,
        `[plugins."io.containerd.transfer.v1.local"]\n${buffer}\nmax_concurrent_downloads = 4\nconfig_path = "${state.join('certs.d')}"`,
      ],
    })
    holdImage(stage.hubs.hub, 'library/large', { state, layers: 2, layerBytes, seed: 'large' })
  })
  afterAll(() => stage.close())
  beforeEach(() => stage.hubs.forgetRequests())

  /** Where the parts began that it asked for. */
  function offsets(from: number): readonly number[] {
    const heads = stage.heads.slice(from).filter((head) => head.includes('/blobs/'))
    return heads.map((head) => Number(/^range: bytes=(\d+)-/im.exec(head)?.[1] ?? -1))
  }

  test.each(['cold', 'warm'])(
    'pulls a %s image, each blob of which the hub gives once at most',
    async (how) => {
      const from = stage.heads.length
      stage.hubs.hub.bytesPerSecond = 16 * MIB
      await stage.pullAsKubelet('docker.io/library/large:1')
      expect(new Set(offsets(from)).size).toBeGreaterThan(4)
      expect(stage.direct).toEqual([])
      const blobs = ['config', 'layer', 'layer'].length
      expect(stage.hubs.hub.count({ kind: 'blob' })).toBe(how === 'cold' ? blobs : 0)
    },
  )
})
