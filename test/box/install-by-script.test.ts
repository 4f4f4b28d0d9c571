import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { StateFolder } from '../support/state-folder.js'
import { SUITES } from '../support/toolbox.js'
import { KINDS } from './box-docker.js'
import { RunningBox } from './running-box.js'
import { containerdMachine, dockerMachine, type Machine, podmanMachine } from './script-clients.js'

interface Case {
  readonly title: string
  open(state: StateFolder): Promise<Machine>
}

/** Under the name that it tells its clients. */
const BOXES: readonly {
  readonly host: string
  readonly names: string
  readonly machines: readonly Case[]
}[] = [
  {
    host: 'registry.test',
    names: 'registry.test,10.0.2.2',
    machines: KINDS.map((kind) => ({ title: kind.title, open: (state) => dockerMachine(state, kind) })),
  },
  {
    host: '127.0.0.1',
    names: '127.0.0.1',
    machines: SUITES.flatMap((suite) => [
      { title: `containerd (${suite})`, open: (state) => containerdMachine(state, suite) },
      { title: `podman (${suite})`, open: (state) => podmanMachine(state, suite) },
    ]),
  },
]

describe.each(BOXES)('a box that is called $host', ({ host, names, machines }) => {
  let state: StateFolder
  let box: RunningBox

  beforeAll(async () => {
    state = new StateFolder()
    box = await RunningBox.open(state.join('box'), { ENTREPOT_NAMES: names })
  })
  afterAll(async () => {
    await box.stop()
    await state.destroy()
  })

  async function probeStatus(): Promise<number> {
    const client = box.client('tls')
    const { status } = await client.get('/v2/entrepot/probe/manifests/1')
    await client.close()
    return status
  }

  test('has the image that clients prove themselves by from its first start on', async () => {
    await eventually('the probe is there', async () => (await probeStatus()) === 200)
    const client = box.client('tls')
    expect((await client.get('/v2/_catalog')).json()).toEqual({ repositories: ['entrepot/probe'] })
    await client.close()
  })

  describe.each(machines)('$title', ({ open }) => {
    let own: StateFolder
    let machine: Machine
    let line: string

    beforeAll(async () => {
      own = new StateFolder()
      machine = await open(own)
      const shown = (await box.change('GET', `clients/${machine.system}`)) as { script: readonly string[] }
      line = shown.script[0] ?? ''
    })
    afterAll(async () => {
      await machine.close()
      await own.destroy()
    })

    test('is set up, and has pulled that image, by the one line that the box says', async () => {
      const { code, output } = await machine.type(`${line} ${machine.options}`)
      expect(output).toContain(`pulled docker.io/entrepot/probe:1, which ${host} alone has`)
      expect(code).toBe(0)
    })

    test('has a script that undoes it, and runs none of a stranger', async () => {
      const stranger = line.replace(/sha256\/\/[^']+/, `sha256//${'A'.repeat(43)}=`)
      const refused = await machine.type(`${stranger.replace(/ \| .*/, '')} > /dev/null`)
      expect(refused).toMatchObject({ code: 90, output: expect.stringContaining('pinned') })
      const undone = await machine.type(`${line.replace(/--fingerprint .*/, '--undo')} ${machine.options}`)
      expect(undone).toMatchObject({ code: 0, output: expect.stringContaining('removed /etc/') })
    })
  })

  test('lets the image go for good, and has scripts that pull another one then', async () => {
    const remover = await box.addAccount('remover', { repositories: ['**'], actions: ['pull', 'delete'] })
    const client = box.client('tls', remover)
    expect((await client.send({ method: 'DELETE', target: '/v2/entrepot/probe/manifests/1' })).status).toBe(
      202,
    )
    await client.close()
    await box.stop()
    await box.start()
    const script = await box.ask('GET', 'clients/docker/install.sh')
    expect(script.body.toString()).toContain("PROBE='docker.io/library/hello-world:latest'")
    expect(await probeStatus()).toBe(404)
  })
})
