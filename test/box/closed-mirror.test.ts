import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { makeCertificates, signCertificate } from '../support/certificates.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { KINDS } from './box-docker.js'
import { BOX_NAME, type Login, MACHINE, RunningBox } from './running-box.js'
import { dockerMachine, type Machine } from './script-clients.js'

/** Setup D's wish: a mirror that not everybody may use, and that Docker uses all the same. Each way with who can go it. */
describe('a box whose mirror is not for everybody', () => {
  let state: StateFolder
  let box: RunningBox
  let hub: FakeUpstream
  let reader: Login

  beforeAll(async () => {
    state = new StateFolder()
    hub = await FakeUpstream.start()
    box = await RunningBox.open(state.join('box'))
    await box.change('PUT', 'upstreams/docker.io', { urls: [hub.url], allowAddresses: ['127.0.0.0/8'] })
    reader = await box.addAccount('reader', { repositories: ['**'], actions: ['pull'] })
  })
  afterAll(async () => {
    await box.stop()
    await hub.close()
    await state.destroy()
  })

  function hold(repository: string): string {
    return holdImage(hub, repository, { state, seed: repository, layers: 1, layerBytes: 50_000 }).prints
  }

  async function statusOf(port: 'tls' | 'mirrorTls', target: string): Promise<number> {
    const client = box.client(port)
    const { status } = await client.get(target)
    await client.close()
    return status
  }

  test('what is no authority is refused by its name, and changes nothing', async () => {
    const answer = await box.ask('PATCH', 'settings/nginx', { mirrorClientCa: 'no certificate' })
    expect([answer.status, answer.body.toString()]).toEqual([400, expect.stringContaining('mirrorClientCa')])
    expect(await statusOf('mirrorTls', '/v2/')).toBe(200)
  })

  describe.each([KINDS[0], KINDS[1]])('by certificates, and $title', (kind) => {
    test('pulls through the mirror with its certificate, and not without', async () => {
      const prefix = kind.title.replaceAll(/\W+/g, '-')
      const keys = state.join(`keys-${prefix}`)
      mkdirSync(keys)
      const authority = await makeCertificates(keys)
      const client = await signCertificate(keys, 'client', authority)
      const mirror = `${BOX_NAME}:${box.ports.mirrorTls}`
      const hosts = { [BOX_NAME]: MACHINE, 'registry-1.docker.io': MACHINE }
      const common = { bridge: true, hosts, authorities: { [mirror]: box.caFile } }
      const known = await DockerDaemon.start(state.join(`known-${prefix}`), kind, {
        ...{ ...common, mirrors: [`https://${mirror}`], certificates: { [mirror]: client } },
      })
      const nobody = await DockerDaemon.start(state.join(`nobody-${prefix}`), kind, {
        ...{ ...common, mirrors: [`https://${mirror}`] },
      })
      const mirrorClientCa = readFileSync(authority.caFile, 'utf8')
      await box.change('PATCH', 'settings/nginx', { mirrorClientCa })
      hold(`library/${prefix}`)
      expect((await nobody.attempt('pull', `${prefix}:1`)).code).toBe(1)
      expect(hub.count({ repository: `library/${prefix}` })).toBe(0)
      await known.docker('pull', `${prefix}:1`)
      expect(hub.count({ repository: `library/${prefix}` })).toBeGreaterThan(0)
      expect(await statusOf('mirrorTls', '/v2/')).toBe(403)
      expect(await statusOf('tls', '/v2/entrepot/probe/manifests/1')).toBe(200)
    })
  })

  describe('by accounts', () => {
    let machine: Machine
    const file = (name: string): string => state.join(`accounts/${name}`)

    beforeAll(async () => {
      machine = await dockerMachine(state, { ...KINDS[2], title: 'accounts' })
      writeFileSync(file('secret'), `${reader.password}\n`)
      await box.change('PUT', 'settings/nginx', { anonymousPull: false })
    })

    /** Types the line that the box says for a system. */
    async function install(system: string, options: string): Promise<Outcome> {
      const { script } = (await box.change('GET', `clients/${system}`)) as { script: readonly string[] }
      return machine.type(`${script[0] ?? ''} ${machine.options} ${options}`)
    }

    test('nobody pulls without one at the TLS ports', async () => {
      expect(await statusOf('tls', '/v2/entrepot/probe/manifests/1')).toBe(401)
      expect(await statusOf('mirrorTls', '/v2/entrepot/probe/manifests/1')).not.toBe(200)
    })

    test('dockerd 28 with the containerd store shows its own in a header of its files', async () => {
      const account = `--account ${reader.name} --secret-file ${file('secret')}`
      expect(await install('docker', account)).toMatchObject({ code: 0 })
      hold('library/by-header')
      expect(await machine.type('docker pull by-header:1')).toMatchObject({ code: 0 })
      expect(hub.count({ repository: 'library/by-header' })).toBeGreaterThan(0)
    })

    test('skopeo logs in to the mirror, and pulls by tokens', async () => {
      expect(await install('podman', '--no-prove')).toMatchObject({ code: 0 })
      const settings = `${file('system')}/etc/containers`
      const mirror = `${BOX_NAME}:${box.ports.mirrorTls}`
      const [auth, trust] = [`--authfile ${file('auth.json')}`, `cert-dir ${settings}/certs.d/${mirror}`]
      const registries = `--registries-conf ${settings}/registries.conf.d/50-entrepot.conf`
      const copy = `skopeo --insecure-policy ${registries} copy --src-${trust}`
      hold('library/by-token')
      const pull = `${copy} ${auth} docker://docker.io/library/by-token:1 dir:${file('pulled')}`
      expect((await machine.type(pull)).code).not.toBe(0)
      const login = `skopeo login ${auth} --${trust} -u ${reader.name} --password-stdin ${mirror} < ${file('secret')}`
      expect(await machine.type(login)).toMatchObject({ code: 0 })
      expect(await machine.type(pull)).toMatchObject({ code: 0 })
      expect(hub.count({ repository: 'library/by-token' })).toBeGreaterThan(0)
    })
  })
})
