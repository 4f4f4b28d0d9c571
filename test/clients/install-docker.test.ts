import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import type { LayoutImage } from '../support/image-layout.js'
import { STRANGER, useTlsBox } from './tls-box.js'

const DAEMONS: readonly DaemonKind[] = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

/** Not the loopback, where daemons check no certificates; nobody has its port 443, so there are no hubs but behind the box. */
const MACHINE = '10.0.2.2'
const NAME = 'registry.test'

describe.each(DAEMONS)('$title, set up by the script of the box', (kind) => {
  const { store, suite } = kind
  const stage = useTlsBox(NAME)
  const files = (name: string): string => stage.box.state.join(`docker/${name}`)
  let daemon: DockerDaemon
  let before: Readonly<Record<string, string>>

  beforeAll(async () => {
    const hubs = ['registry-1.docker.io', 'index.docker.io', 'quay.io'].map(
      (host) => [host, MACHINE] as const,
    )
    mkdirSync(files('etc-docker/certs.d'), { recursive: true })
    // Only where something is that merges it: the other Debian has neither jq nor python3.
    if (suite === 'own') writeFileSync(files('etc-docker/daemon.json'), '{ "debug":true}\n')
    daemon = await DockerDaemon.start(files(''), kind, {
      bridge: true,
      hosts: { ...Object.fromEntries(hubs), [NAME]: MACHINE },
    })
    mkdirSync(files('system/etc'), { recursive: true })
    symlinkSync('/etc/docker', files('system/etc/docker')) // the daemon's own, where the script runs
    stage.box.writeScript('docker', files('install.sh'))
    before = settings()
  })

  function settings(): Readonly<Record<string, string>> {
    const entries = readdirSync(files('etc-docker'), { recursive: true, withFileTypes: true })
    const names = entries.filter((entry) => entry.isFile()).map((each) => `${each.parentPath}/${each.name}`)
    return Object.fromEntries(names.map((name) => [name, readFileSync(name, 'utf8')]))
  }

  function script(...args: readonly string[]): Promise<Outcome> {
    const reload = `kill -HUP $(cat ${files('own.pid')})`
    const fixed = ['--root', files('system'), '--reload', reload, ...args]
    return daemon.exec('sh', files('install.sh'), ...fixed)
  }

  async function expectPulled(name: string, image: LayoutImage): Promise<void> {
    await daemon.docker('pull', name)
    const { id } = await daemon.identity(name)
    expect(id).toBe(store === 'containerd' ? image.manifest.digest : image.config.digest)
  }

  test('proves itself by an image that only the box has', async () => {
    const { code, output } = await script('--fingerprint', stage.box.facts.caFingerprint)
    expect(output).toContain(`pulled docker.io/entrepot/probe:1, which ${NAME} alone has`)
    expect(code).toBe(0)
    expect((await daemon.identity('entrepot/probe:1')).diffIds).toEqual(stage.box.probe.diffIds)
  })

  test('has nothing to do the second time', async () => {
    const { code, output } = await script('--fingerprint', stage.box.facts.caFingerprint)
    expect([code, output]).toEqual([0, expect.stringContaining('everything is as it should be')])
  })

  test('pulls images of Docker Hub by TLS', async () => {
    await expectPulled('team/first:1', stage.box.hold('docker.io', 'team/first'))
  })

  test('pulls images of other registries by the prefix', async () => {
    const image = stage.box.hold('quay.io', 'team/second')
    await expectPulled(`${stage.box.registry}/quay.io/team/second:1`, image)
  })

  const isNewer = store === 'containerd'
  test(`${isNewer ? 'pulls' : 'does not pull'} images of other registries by their own names`, async () => {
    stage.box.hold('quay.io', 'team/third')
    const { code } = await daemon.attempt('pull', 'quay.io/team/third:1')
    expect(code === 0).toBe(isNewer)
  })

  if (suite === 'sid')
    test('builds on images of other registries, with no authority in the system', async () => {
      stage.box.hold('quay.io', 'team/fourth')
      mkdirSync(files('context'), { recursive: true })
      writeFileSync(files('context/Dockerfile'), 'FROM quay.io/team/fourth:1\nLABEL built=here\n')
      expect(await daemon.attempt('build', '--pull', '--no-cache', files('context'))).toMatchObject({
        code: 0,
      })
    })

  test('pushes to the registry by TLS', async () => {
    await daemon.docker('tag', 'team/first:1', `${stage.box.registry}/pushed/first:1`)
    await daemon.push(`${stage.box.registry}/pushed/first:1`)
    expect(stage.box.asked('PUT /v2/pushed/first/manifests/1')).toHaveLength(1)
  })

  test('trusts the box by its authority alone', async () => {
    const file = files(`etc-docker/certs.d/${stage.box.mirror}/ca.crt`)
    const right = readFileSync(file)
    writeFileSync(file, STRANGER)
    stage.box.hold('docker.io', 'team/fifth')
    expect((await daemon.attempt('pull', 'team/fifth:1')).code).not.toBe(0)
    writeFileSync(file, right)
    await daemon.docker('pull', 'team/fifth:1')
  })

  test('is as it was before after --undo, and pulls nothing from the box', async () => {
    expect(await script('--undo')).toMatchObject({ code: 0 })
    expect(settings()).toEqual(before)
    stage.box.hold('docker.io', 'team/sixth')
    expect((await daemon.attempt('pull', 'team/sixth:1')).code).not.toBe(0)
    expect(stage.box.asked('team/sixth')).toEqual([])
  })
})
