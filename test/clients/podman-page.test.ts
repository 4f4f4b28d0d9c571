import { writeFileSync } from 'node:fs'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { readBlock } from '../support/client-page.js'
import { holdImage } from '../support/held-image.js'
import { MirroredHubs } from '../support/mirrored-hubs.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

const SUITES: readonly Suite[] = ['own', 'sid']
const PAGE = '/etc/containers/registries.conf.d/50-entrepot.conf'

describe.each(SUITES)("Debian's tools (%s) with the file of docs/clients/podman.md", (suite) => {
  let state: StateFolder
  let hubs: MirroredHubs
  let tools: Toolbox

  beforeAll(async () => {
    state = new StateFolder()
    hubs = await MirroredHubs.start()
    writeFileSync(registriesFile(state), readBlock('podman', PAGE, hubs.addresses))
    tools = await Toolbox.open(suite, state)
    const shape = { state, layers: 1, layerBytes: 10_000 }
    holdImage(hubs.hub, 'library/busybox', { ...shape, seed: 'official' })
    holdImage(hubs.quay, 'prometheus/busybox', { ...shape, seed: 'theirs' })
  })
  afterAll(async () => {
    await hubs.close()
    await state.destroy()
  })
  beforeEach(() => hubs.forgetRequests())

  /** Runs the lines of a block; answers how many. */
  async function runBlock(mark: string): Promise<number> {
    const lines = readBlock('podman', mark, hubs.addresses).trim().split('\n')
    for (const line of lines) await runLine(line.replace(/(docker\.io|quay\.io)(\S+):latest/g, '$1$2:1'))
    return lines.length
  }

  function runLine(line: string): Promise<string> {
    const [program = '', ...words] = line.split(' ')
    const registries = `CONTAINERS_REGISTRIES_CONF=${registriesFile(state)}`
    return tools.run('env', registries, program, ...(flagsOf(state)[program] ?? []), ...words)
  }

  test('pull from the mirror by their own names', async () => {
    expect(await runBlock('pull')).toBe(2)
    const manifests = [hubs.hub, hubs.quay].map(({ requests }) => {
      const repositories = requests.filter(({ kind }) => kind === 'manifest')
      return [...new Set(repositories.map(({ repository }) => repository))]
    })
    expect(manifests).toEqual([['library/busybox'], ['prometheus/busybox']])
  })

  test('look at an image without asking for its registry', async () => {
    expect(await runBlock('skopeo')).toBe(1)
    expect(hubs.asked).toEqual([0, 0]) // it is cached since the pull
  })

  test('push to the registry, which the mirror then serves by the bare name', async () => {
    expect(await runBlock('push')).toBe(1)
    await runLine('podman pull docker.io/team/busybox:latest')
    expect(hubs.asked).toEqual([0, 0])
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
