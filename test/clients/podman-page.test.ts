import { writeFileSync } from 'node:fs'

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'

import { readBlock } from '../support/client-page.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

jest.setTimeout(120_000)

const SUITES: readonly Suite[] = ['own', 'sid']
const PAGE = '/etc/containers/registries.conf.d/50-entrepot.conf'

describe.each(SUITES)("Debian's tools (%s) with the file of docs/clients/podman.md", (suite) => {
  let state: StateFolder
  /** Stands where the registry and the mirror are, and shows what they are asked. */
  let box: FakeUpstream
  let tools: Toolbox
  let addresses: { readonly registry: string; readonly mirror: string }

  beforeAll(async () => {
    state = new StateFolder()
    box = await FakeUpstream.start()
    const here = `127.0.0.1:${box.port}`
    addresses = { registry: here, mirror: here }
    writeFileSync(registriesFile(state), readBlock('podman', PAGE, addresses))
    tools = await Toolbox.open(suite, state)
    for (const name of ['library/busybox', 'quay.io/prometheus/busybox'])
      holdImage(box, name, { state, seed: name, layers: 1, layerBytes: 10_000 })
  })
  afterAll(async () => {
    await box.close()
    await state.destroy()
  })
  beforeEach(() => void (box.requests = []))

  /** Runs the lines of a block; answers how many. */
  async function runBlock(mark: string): Promise<number> {
    const lines = readBlock('podman', mark, addresses).replaceAll(':latest', ':1').trim().split('\n')
    const flags = flagsOf(state)
    for (const line of lines) {
      const [program = '', ...words] = line.split(' ')
      await tools.run(
        'env',
        `CONTAINERS_REGISTRIES_CONF=${registriesFile(state)}`,
        program,
        ...(flags[program] ?? []),
        ...words,
      )
    }
    return lines.length
  }

  test('pull from the mirror by their own names', async () => {
    expect(await runBlock('pull')).toBe(2)
    const manifests = box.requests
      .filter(({ kind }) => kind === 'manifest')
      .map(({ repository }) => repository)
    expect(new Set(manifests)).toEqual(new Set(['library/busybox', 'quay.io/prometheus/busybox']))
  })

  test('look at an image without asking for its registry', async () => {
    expect(await runBlock('skopeo')).toBe(1)
    expect(box.count({ kind: 'manifest', repository: 'quay.io/prometheus/busybox' })).toBeGreaterThan(0)
  })
})

function registriesFile(state: StateFolder): string {
  return state.join('entrepot.conf')
}

/** So that nothing of the machine's own is touched. */
function flagsOf(state: StateFolder): Readonly<Record<string, readonly string[]>> {
  const storage = ['--root', state.join('storage'), '--runroot', state.join('run'), '--storage-driver', 'vfs']
  return { podman: storage, skopeo: ['--insecure-policy', '--registries-conf', registriesFile(state)] }
}
