import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { Containerd } from '../support/containerd.js'
import type { Outcome } from '../support/commands.js'
import { ImageService } from '../support/image-service.js'
import type { Suite } from '../support/toolbox.js'
import { STRANGER, useTlsBox } from './tls-box.js'

const CASES: readonly { readonly suite: Suite; readonly version: number; readonly table: string }[] = [
  { suite: 'own', version: 1, table: 'io.containerd.grpc.v1.cri' },
  { suite: 'sid', version: 2, table: 'io.containerd.cri.v1.images' },
]

describe.each(CASES)(
  'containerd $version.x, set up by the script of the box',
  ({ suite, version, table }) => {
    const stage = useTlsBox('127.0.0.1', () => containerd.stop())
    const file = (name: string): string => stage.box.state.join(name)
    let containerd: Containerd
    let kubelet: ImageService
    /** What packages of this containerd bring along. */
    let packaged: string

    beforeAll(async () => {
      const named = `[plugins."${table}".registry]\nconfig_path = "${file('system/etc/containerd/certs.d')}"`
      containerd = await Containerd.start(suite, stage.box.state, {
        ...{ host: 'nobody.test', caFile: undefined, clientCertificate: undefined },
        configuration: `version = ${version + 1}\n${named}`,
      })
      kubelet = new ImageService(containerd.socket)
      packaged = (await containerd.beside('containerd', 'config', 'default')).output
      stage.box.writeScript('containerd', file('install.sh'))
      mkdirSync(file('system/etc/containerd'), { recursive: true })
    })
    afterAll(() => kubelet.close())

    function script(...args: readonly string[]): Promise<Outcome> {
      const at = `CONTAINERD_ADDRESS=${containerd.socket}`
      return containerd.beside('env', at, 'sh', file('install.sh'), '--root', file('system'), ...args)
    }

    function install(...args: readonly string[]): Promise<Outcome> {
      return script('--fingerprint', stage.box.facts.caFingerprint, ...args)
    }

    const CONFIG = 'system/etc/containerd/config.toml'

    /** The folder of hosts that containerd itself reads in the file. */
    async function folderNamed(): Promise<readonly string[]> {
      const { output } = await containerd.beside('containerd', '--config', file(CONFIG), 'config', 'dump')
      return [...output.matchAll(/^\s*config_path = ["']([^"']+)["']$/gm)].map(([, folder = '']) => folder)
    }

    async function bytesOf(name: string): Promise<string> {
      return (await containerd.beside('cat', file(name))).output
    }

    test('proves itself by an image that only the box has', async () => {
      const { code, output } = await install()
      expect(output).toContain('pulled docker.io/entrepot/probe:1, which 127.0.0.1 alone has')
      expect(code).toBe(0)
    })

    test('writes a configuration that names the folder, where there was none', async () => {
      expect(await folderNamed()).toContain('/etc/containerd/certs.d')
    })

    test('pulls for the kubelet, from each hub what it alone has', async () => {
      for (const hub of ['docker.io', 'quay.io'] as const) {
        const image = stage.box.hold(hub, 'team/first')
        const pulled = await kubelet.pull(`${hub}/team/first:1`)
        expect(pulled).toMatchObject({ code: 0, output: expect.stringContaining(image.config.digest) })
      }
      expect(stage.box.asked('/v2/team/first/manifests/1?ns=quay.io').length).toBeGreaterThan(0)
    })

    test('asks the box for registries that have no folder of their own', async () => {
      const { code } = await kubelet.pull('127.0.0.1:1/team/nothing:1')
      expect(code).not.toBe(0)
      expect(stage.box.asked('ns=127.0.0.1').length).toBeGreaterThan(0)
    })

    test('pushes to the registry', async () => {
      const hosts = ['--hosts-dir', file('system/etc/containerd/certs.d')]
      const name = `${stage.box.registry}/pushed/probe:1`
      const inIts = ['--namespace', 'entrepot-probe']
      await containerd.ctr(...inIts, 'images', 'tag', 'docker.io/entrepot/probe:1', name)
      await containerd.ctr(...inIts, 'images', 'push', ...hosts, name)
      expect(stage.box.asked('PUT /v2/pushed/probe/manifests/')).not.toEqual([])
    })

    test('trusts the box by its authority alone', async () => {
      const authority = `system/etc/containerd/certs.d/${stage.box.mirror}/ca.crt`
      const right = await bytesOf(authority)
      writeFileSync(file(authority), STRANGER)
      stage.box.hold('quay.io', 'team/second')
      expect((await kubelet.pull('quay.io/team/second:1')).code).not.toBe(0)
      writeFileSync(file(authority), right)
      expect(await kubelet.pull('quay.io/team/second:1')).toMatchObject({ code: 0 })
    })

    test('is as it was before after --undo', async () => {
      expect(await script('--undo')).toMatchObject({ code: 0 })
      const left = await containerd.beside('find', file('system'), '-type', 'f')
      expect(left).toMatchObject({ code: 0, output: '' })
    })

    test("names the folder in the packages' configuration, and puts that back byte by byte", async () => {
      writeFileSync(file(CONFIG), packaged)
      expect(await install('--no-prove')).toMatchObject({ code: 0 })
      expect(await folderNamed()).toContain('/etc/containerd/certs.d')
      const changed = await bytesOf(CONFIG)
      expect(changed.split('\n').length - packaged.split('\n').length).toBeLessThanOrEqual(3)
      expect(await install('--no-prove')).toMatchObject({
        code: 0,
        output: expect.stringContaining('everything is as it should be'),
      })
      expect(await script('--undo')).toMatchObject({ code: 0 })
      expect(await bytesOf(CONFIG)).toBe(packaged)
    })

    test('changes nothing beside the older tables, which exclude the folder', async () => {
      const older = `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\n  endpoint = ["https://mine.example"]\n`
      writeFileSync(file(CONFIG), older)
      const { code, output } = await install('--no-prove')
      expect([code, output]).toEqual([1, expect.stringContaining('registry.mirrors')])
      expect(await containerd.beside('find', file('system'), '-type', 'f')).toMatchObject({
        output: `${file(CONFIG)}\n`,
      })
    })
  },
)
