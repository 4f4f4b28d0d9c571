import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { Containerd } from '../support/containerd.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { SUITES } from '../support/toolbox.js'
import { RunningBox } from './running-box.js'

const UPSTREAM = 'hub.test'

describe.each(SUITES)('containerd of the suite "%s" and a box', (suite) => {
  let state: StateFolder
  let box: RunningBox
  let upstream: FakeUpstream
  let containerd: Containerd

  beforeAll(async () => {
    state = new StateFolder()
    upstream = await FakeUpstream.start()
    box = await RunningBox.open(state.join('box'))
    const host = `127.0.0.1:${box.ports.tls}`
    containerd = await Containerd.start(suite, state, {
      host,
      caFile: box.caFile,
      clientCertificate: undefined,
    })
    mkdirSync(state.join(`certs.d/${UPSTREAM}`))
    const mirror = `[host."https://127.0.0.1:${box.ports.mirrorTls}"]`
    writeFileSync(
      state.join(`certs.d/${UPSTREAM}/hosts.toml`),
      // There is no such server: what comes, comes from the box.
      [
        `server = "https://${UPSTREAM}"`,
        mirror,
        'capabilities = ["pull", "resolve"]',
        `ca = "${box.caFile}"`,
      ].join('\n'),
    )
  })
  afterAll(async () => {
    await containerd.stop()
    await box.stop()
    await upstream.close()
    await state.destroy()
  })

  test('an image of an upstream comes by https once the API has added that, and not before', async () => {
    const repository = 'team/app'
    holdImage(upstream, repository, { state, seed: suite, layers: 2, layerBytes: 100_000 })
    const pull = ['images', 'pull', ...containerd.reach, `${UPSTREAM}/${repository}:1`]
    expect(await containerd.attempt(...pull)).toMatchObject({ code: 1 })
    await box.change('PUT', `upstreams/${UPSTREAM}`, {
      urls: [upstream.url],
      allowAddresses: ['127.0.0.0/8'],
    })
    await containerd.ctr(...pull)
    expect(await containerd.ctr('images', 'ls')).toContain(`${UPSTREAM}/${repository}:1`)
    expect(upstream.count({ repository })).toBeGreaterThan(0)
  })

  test('an image goes to the registry by https, with the account of the first start', async () => {
    const { name, password } = box.account
    const target = `127.0.0.1:${box.ports.tls}/team/app:1`
    await containerd.ctr('images', 'tag', `${UPSTREAM}/team/app:1`, target)
    const login = ['--user', `${name}:${password}`]
    await containerd.ctr('images', 'push', ...containerd.reach, ...login, target)
    const client = box.client('tls')
    expect(await client.get('/v2/team/app/tags/list')).toMatchObject({ status: 200 })
    await client.close()
  })
})
