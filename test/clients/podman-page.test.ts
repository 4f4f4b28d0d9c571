import { writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import { readBlock } from '../support/client-page.js'
import type { StateFolder } from '../support/state-folder.js'
import { SUITES, Toolbox } from '../support/toolbox.js'
import { usePageStage } from './page-stage.js'

const PAGE = '/etc/containers/registries.conf.d/50-entrepot.conf'

describe.each(SUITES)("Debian's tools (%s) with the file of docs/clients/podman.md", (suite) => {
  const stage = usePageStage()
  let tools: Toolbox

  beforeAll(async () => {
    writeFileSync(registriesFile(stage.state), readBlock('podman', PAGE, stage.hubs.addresses))
    tools = await Toolbox.open(suite, stage.state)
  })

  /** Runs the lines of a block; answers how many. */
  async function runBlock(mark: string): Promise<number> {
    const lines = readBlock('podman', mark, stage.hubs.addresses).trim().split('\n')
    for (const line of lines) await runLine(line.replace(/(docker\.io|quay\.io)(\S+):latest/g, '$1$2:1'))
    return lines.length
  }

  function runLine(line: string): Promise<string> {
    const [program = '', ...words] = line.split(' ')
    const registries = `CONTAINERS_REGISTRIES_CONF=${registriesFile(stage.state)}`
    return tools.run('env', registries, program, ...(flagsOf(stage.state)[program] ?? []), ...words)
  }

  test('pull from the mirror by their own names', async () => {
    expect(await runBlock('pull')).toBe(2)
    const manifests = [stage.hubs.hub, stage.hubs.quay].map(({ requests }) => {
      const repositories = requests.filter(({ kind }) => kind === 'manifest')
      return [...new Set(repositories.map(({ repository }) => repository))]
    })
    expect(manifests).toEqual([['library/busybox'], ['prometheus/busybox']])
  })

  test('look at an image without asking for its registry', async () => {
    expect(await runBlock('skopeo')).toBe(1)
    expect(stage.hubs.asked).toEqual([0, 0]) // it is cached since the pull
  })

  test('push to the registry, which the mirror then serves by the bare name', async () => {
    expect(await runBlock('push')).toBe(1)
    await runLine('podman pull docker.io/team/busybox:latest')
    expect(stage.hubs.asked).toEqual([0, 0])
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
