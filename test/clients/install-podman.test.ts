import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { SUITES, Toolbox } from '../support/toolbox.js'
import { STRANGER, useTlsBox } from './tls-box.js'

/** The machine's own settings stay as they are: the tools see a folder of the test in their place. */
const WITH_SETTINGS = 'mount --bind "$0" /etc/containers && exec "$@"'

describe.each(SUITES)("Debian's tools (%s), set up by the script of the box", (suite) => {
  const stage = useTlsBox('127.0.0.1')
  const file = (name: string): string => stage.box.state.join(name)
  let tools: Toolbox

  beforeAll(async () => {
    tools = await Toolbox.open(suite, stage.box.state)
    await run('cp', '-r', '/etc/containers', file('settings'))
    const folders = { graphroot: file('storage'), runroot: file('run') }
    const storage = Object.entries(folders).map(([key, folder]) => `${key} = "${folder}"`)
    writeFileSync(file('storage.conf'), ['[storage]', 'driver = "vfs"', ...storage, ''].join('\n'))
    stage.box.writeScript('podman', file('install.sh'))
    mkdirSync(file('system/etc'), { recursive: true })
    await run('ln', '-s', '/etc/containers', file('system/etc/containers'))
  })

  function attempt(...command: readonly string[]): Promise<Outcome> {
    const storage = `CONTAINERS_STORAGE_CONF=${file('storage.conf')}`
    const environment = ['env', storage, 'PODMAN_IGNORE_CGROUPSV1_WARNING=1']
    const inNamespace = ['unshare', '--mount', 'sh', '-c', WITH_SETTINGS, file('settings')]
    return tools.attempt(...inNamespace, ...environment, ...command)
  }

  async function run(...command: readonly string[]): Promise<void> {
    await tools.run(...command)
  }

  function script(...args: readonly string[]): Promise<Outcome> {
    return attempt('sh', file('install.sh'), '--root', file('system'), ...args)
  }

  test('proves itself by an image that only the box has', async () => {
    const { code, output } = await script('--fingerprint', stage.box.facts.caFingerprint)
    expect(output).toContain('pulled docker.io/entrepot/probe:1, which 127.0.0.1 alone has')
    expect(code).toBe(0)
  })

  test('podman reads the files as they are meant', async () => {
    const { output } = await attempt('podman', 'info', '--format', 'json')
    const { registries } = JSON.parse(output.slice(output.indexOf('{'))) as { registries: object }
    expect(registries).toMatchObject({
      'docker.io': { Mirrors: [{ Location: stage.box.mirror, Insecure: false }] },
      'quay.io': { Mirrors: [{ Location: `${stage.box.registry}/quay.io`, Insecure: false }] },
    })
  })

  test('pulls from each hub what it alone has', async () => {
    for (const hub of ['docker.io', 'quay.io'] as const) {
      stage.box.hold(hub, `team/of-${hub}`)
      expect(await attempt('podman', 'pull', `${hub}/team/of-${hub}:1`)).toMatchObject({ code: 0 })
    }
    expect(stage.box.asked('/v2/quay.io/team/of-quay.io/manifests/1')).not.toEqual([])
  })

  test('pushes to the registry', async () => {
    const to = `${stage.box.registry}/pushed/probe:1`
    expect(await attempt('podman', 'push', 'docker.io/entrepot/probe:1', to)).toMatchObject({ code: 0 })
  })

  test('trusts the box by its authority alone', async () => {
    for (const host of [stage.box.mirror, stage.box.registry]) {
      const authority = file(`settings/certs.d/${host}/ca.crt`)
      const right = readFileSync(authority)
      writeFileSync(authority, STRANGER)
      const inspect = ['skopeo', 'inspect', '--no-tags', `docker://${host}/entrepot/probe:1`]
      expect(await attempt(...inspect)).toMatchObject({ output: expect.stringContaining('certificate') })
      writeFileSync(authority, right)
      expect(await attempt(...inspect)).toMatchObject({ code: 0 })
    }
  })

  test('is as it was before after --undo', async () => {
    expect(await script('--undo')).toMatchObject({ code: 0 })
    expect(existsSync(file('settings/registries.conf.d/50-entrepot.conf'))).toBe(false)
    expect(existsSync(file(`settings/certs.d/${stage.box.mirror}`))).toBe(false)
    const compared = await tools.attempt('diff', '-r', '/etc/containers', file('settings'))
    expect(compared).toMatchObject({ code: 0 })
  })
})
