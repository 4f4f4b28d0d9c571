import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { Containerd } from '../support/containerd.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { ImageService } from '../support/image-service.js'
import { SUITES } from '../support/toolbox.js'
import { OWNER, useTlsBox } from './tls-box.js'

const MACHINE = '10.0.2.2'
const NAME = 'registry.test'

describe('dockerd 28 with the containerd store, and a box where nobody pulls without an account', () => {
  const stage = useTlsBox(NAME, undefined, 'account')
  const file = (name: string): string => stage.box.state.join(`docker/${name}`)
  let daemon: DockerDaemon

  beforeAll(async () => {
    const hubs = ['registry-1.docker.io', 'index.docker.io', 'quay.io'].map(
      (host) => [host, MACHINE] as const,
    )
    daemon = await DockerDaemon.start(
      file(''),
      { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
      { bridge: true, hosts: { ...Object.fromEntries(hubs), [NAME]: MACHINE } },
    )
    mkdirSync(file('system/etc'), { recursive: true })
    symlinkSync('/etc/docker', file('system/etc/docker'))
    stage.box.writeScript('docker', file('install.sh'))
  })

  function install(...args: readonly string[]): Promise<Outcome> {
    const fixed = ['--fingerprint', stage.box.facts.caFingerprint, '--root', file('system')]
    const reload = ['--reload', `kill -HUP $(cat ${file('own.pid')})`]
    return daemon.exec('sh', file('install.sh'), ...fixed, ...reload, ...args)
  }

  test('is not set up without an account, nor with a wrong secret', async () => {
    expect(await install()).toMatchObject({ code: 1, output: expect.stringContaining('--account') })
    writeFileSync(file('secret'), 'wrong\n')
    const wrong = await install('--account', OWNER, '--secret-file', file('secret'))
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('cannot be pulled') })
  })

  test('pulls what only the box has by the header of its files', async () => {
    writeFileSync(file('secret'), `${OWNER}-password\n`)
    const { code, output } = await install('--account', OWNER, '--secret-file', file('secret'))
    expect(output).toContain(`which ${NAME} alone has`)
    expect(code).toBe(0)
  })

  test('pulls and builds images of other registries by it', async () => {
    stage.box.hold('quay.io', 'team/first')
    await daemon.docker('pull', 'quay.io/team/first:1')
    mkdirSync(file('context'))
    writeFileSync(file('context/Dockerfile'), 'FROM quay.io/team/first:1\nLABEL built=here\n')
    expect(await daemon.attempt('build', '--pull', '--no-cache', file('context'))).toMatchObject({ code: 0 })
  })

  test('has forgotten the secret after --undo', async () => {
    expect(await daemon.exec('sh', file('install.sh'), '--root', file('system'), '--undo')).toMatchObject({
      code: 0,
    })
    const login = Buffer.from(`${OWNER}:${OWNER}-password`).toString('base64')
    const found = await daemon.exec('grep', '-r', login, '/etc/docker', file('system'))
    expect(found).toMatchObject({ code: 1, output: '' })
  })
})

describe.each(SUITES)('containerd (%s), and a box where nobody pulls without an account', (suite) => {
  const stage = useTlsBox('127.0.0.1', () => containerd.stop(), 'account')
  const file = (name: string): string => stage.box.state.join(name)
  let containerd: Containerd

  test('pulls by the header of its files, also for the kubelet', async () => {
    const folder = file('system/etc/containerd/certs.d')
    const plugin = suite === 'own' ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.images'
    containerd = await Containerd.start(suite, stage.box.state, {
      ...{ host: 'nobody.test', caFile: undefined, clientCertificate: undefined },
      configuration: `version = ${suite === 'own' ? 2 : 3}\n[plugins."${plugin}".registry]\nconfig_path = "${folder}"`,
    })
    stage.box.writeScript('containerd', file('install.sh'))
    writeFileSync(file('secret'), `${OWNER}-password\n`)
    const { code, output } = await containerd.beside(
      ...['env', `CONTAINERD_ADDRESS=${containerd.socket}`, 'sh', file('install.sh')],
      ...['--fingerprint', stage.box.facts.caFingerprint, '--root', file('system')],
      ...['--account', OWNER, '--secret-file', file('secret')],
    )
    expect(output).toContain('which 127.0.0.1 alone has')
    expect(code).toBe(0)
    expect(readFileSync(`${folder}/quay.io/hosts.toml`, 'utf8')).toContain('Authorization')
    const image = stage.box.hold('quay.io', 'team/second')
    const kubelet = new ImageService(containerd.socket)
    const pulled = await kubelet.pull('quay.io/team/second:1')
    kubelet.close()
    expect(pulled).toMatchObject({ code: 0, output: expect.stringContaining(image.config.digest) })
  })
})
