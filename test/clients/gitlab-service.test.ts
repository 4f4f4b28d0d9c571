import { mkdirSync, writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import { readYaml } from '#core/config/yaml-text.js'
import { renderClient } from '#control/clients/render-client.js'

import { DockerDaemon } from '../support/docker-daemon.js'
import { useTlsBox } from './tls-box.js'

const MACHINE = '10.0.2.2'
const NAME = 'registry.test'

interface Job {
  readonly build: { readonly services: readonly { readonly command: readonly string[] }[] }
}

describe('the service command for GitLab, where dockerd 28 runs', () => {
  const stage = useTlsBox(NAME)
  const file = (name: string): string => stage.box.state.join(`docker/${name}`)
  let daemon: DockerDaemon
  let command: readonly string[]

  beforeAll(async () => {
    const hubs = ['registry-1.docker.io', 'index.docker.io', 'quay.io'].map(
      (host) => [host, MACHINE] as const,
    )
    daemon = await DockerDaemon.start(
      file(''),
      { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
      { bridge: true, hosts: { ...Object.fromEntries(hubs), [NAME]: MACHINE } },
    )
    const { files } = renderClient('gitlab-dind', stage.box.facts)
    const reading = readYaml(files.find(({ path }) => path === '.gitlab-ci.yml')?.text ?? '')
    if (!('value' in reading)) throw new Error(`no YAML: ${reading.errors.join(', ')}`)
    command = (reading.value as Job).build.services[0]?.command ?? []
  })

  test('ends with the entry point of the image, and gives it the mirror', async () => {
    mkdirSync(file('bin'))
    // What the image has in this place; the daemon runs here already.
    writeFileSync(file('bin/dockerd-entrypoint.sh'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 })
    const environment = ['env', `PATH=${file('bin')}:/usr/bin:/bin`]
    const { code, output } = await daemon.exec(...environment, ...command)
    expect([code, output]).toEqual([0, `--registry-mirror=https://${stage.box.mirror}\n`])
  })

  test('leaves files by which the daemon pulls from the box, and builds', async () => {
    await daemon.docker('pull', 'entrepot/probe:1')
    stage.box.hold('quay.io', 'team/first')
    mkdirSync(file('context'))
    writeFileSync(file('context/Dockerfile'), 'FROM quay.io/team/first:1\nLABEL built=here\n')
    expect(await daemon.attempt('build', '--pull', '--no-cache', file('context'))).toMatchObject({ code: 0 })
  })
})
