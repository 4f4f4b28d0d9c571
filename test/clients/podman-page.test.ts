import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import { readBlock } from '../support/client-page.js'
import { ImageLayout } from '../support/image-layout.js'
import { freePort, untilListening } from '../support/processes.js'
import { StateFolder } from '../support/state-folder.js'
import { startCore, type Target } from '../support/targets.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

jest.setTimeout(120_000)

const SUITES: readonly Suite[] = ['own', 'sid']

describe.each(SUITES)("Debian's tools (%s) with the file of docs/clients/podman.md", (suite) => {
  let state: StateFolder
  let core: Target
  let tools: Toolbox
  let addresses: { readonly registry: string; readonly mirror: string }

  beforeAll(async () => {
    state = new StateFolder()
    const mirrorPort = await freePort()
    core = await startCore({
      config: { listeners: [{ addr: `127.0.0.1:${mirrorPort}`, view: 'mirror', anonymous: 'pull' }] },
    })
    await untilListening({ port: mirrorPort }, core.process)
    addresses = { registry: `127.0.0.1:${core.port}`, mirror: `127.0.0.1:${mirrorPort}` }
    const file = state.join('registries/50-entrepot.conf')
    mkdirSync(state.join('registries'))
    writeFileSync(file, readBlock('podman', '/etc/containers/registries.conf.d/50-entrepot.conf', addresses))
    tools = await Toolbox.open(suite, state)
  })
  afterAll(async () => {
    await core.remove()
    await state.destroy()
  })

  function skopeo(...args: readonly string[]): Promise<string> {
    const conf = ['--insecure-policy', '--registries-conf', state.join('registries/50-entrepot.conf')]
    return tools.run('skopeo', ...conf, ...args)
  }

  test.each(['docker.io/library/paged', 'quay.io/team/paged'])(
    'take %s from here by its own name',
    async (name) => {
      const layout = new ImageLayout(state.join(name.replaceAll('/', '-')))
      const { manifest } = layout.addImage('latest', { seed: name, layers: 1, layerBytes: 10_000 })
      const here = name.replace('docker.io/', '')
      await skopeo('copy', `oci:${layout.folder}:latest`, `docker://${addresses.registry}/${here}:latest`)
      expect(
        await skopeo('inspect', '--no-tags', '--format', '{{.Digest}}', `docker://${name}:latest`),
      ).toContain(manifest.digest)
    },
  )
})
