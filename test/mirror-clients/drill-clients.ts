import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { Containerd } from '../support/containerd.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { digestOf } from '../support/images.js'
import type { LayoutImage } from '../support/image-layout.js'
import { freePort } from '../support/processes.js'
import type { StateFolder } from '../support/state-folder.js'
import { Toolbox } from '../support/toolbox.js'
import { hostsToml } from './hosts-toml.js'

/** A client that has the mirror, and nothing else to go to: what the mirror does not give fails. */
export interface DrillClient {
  readonly kind: string
  /** Pulls an image of Docker Hub by its name, and forgets it; throws unless it came whole and is the right one. */
  pull(name: string, image: LayoutImage): Promise<void>
  stop(): Promise<void>
}

/** One of each kind, for a mirror as host:port. */
export async function openDrillClients(state: StateFolder, mirror: string): Promise<readonly DrillClient[]> {
  return [
    await openSkopeo(state, mirror),
    await openContainerd(state, mirror),
    await openDockerd(state, mirror),
  ]
}

async function openSkopeo(state: StateFolder, mirror: string): Promise<DrillClient> {
  const file = state.join('registries.conf')
  const nowhere = ['[[registry]]', 'prefix = "docker.io"', `location = "127.0.0.1:${await freePort()}"`]
  const lines = [...nowhere, '[[registry.mirror]]', `location = "${mirror}"`, 'insecure = true']
  writeFileSync(file, lines.join('\n'))
  const tools = await Toolbox.open('own', state)
  let pulls = 0
  return {
    kind: 'skopeo',
    async pull(name, { manifest }) {
      const target = state.join(`skopeo-${pulls++}`)
      const options = ['--insecure-policy', '--registries-conf', file]
      await tools.run('skopeo', ...options, 'copy', `docker://docker.io/${name}`, `dir:${target}`)
      expectSame(digestOf(readFileSync(path.join(target, 'manifest.json'))), manifest.digest)
    },
    stop: () => Promise.resolve(),
  }
}

async function openContainerd(state: StateFolder, mirror: string): Promise<DrillClient> {
  const containerd = await Containerd.start('own', state, {
    ...{ host: mirror, caFile: undefined, clientCertificate: undefined },
  })
  const folder = state.join('certs.d/docker.io')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'hosts.toml'), hostsToml(`http://${mirror}`, [`http://${mirror}`]))
  return {
    kind: 'containerd',
    async pull(name, { manifest }) {
      const reference = `docker.io/${name}`
      await containerd.ctr('images', 'pull', '--hosts-dir', state.join('certs.d'), reference)
      const listed = await containerd.ctr('images', 'ls', `name==${reference}`)
      await containerd.ctr('images', 'rm', '--sync', reference)
      expectSame(/sha256:[0-9a-f]{64}/.exec(listed)?.[0], manifest.digest)
    },
    stop: () => containerd.stop(),
  }
}

async function openDockerd(state: StateFolder, mirror: string): Promise<DrillClient> {
  const folder = state.join('docker/etc-docker')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    path.join(folder, 'daemon.json'),
    JSON.stringify({ 'registry-mirrors': [`http://${mirror}`] }),
  )
  const kind = { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' } as const
  const hosts = { 'registry-1.docker.io': '127.0.0.1' } // where nobody is Docker Hub
  const daemon = await DockerDaemon.start(state.join('docker'), kind, { hosts })
  return {
    kind: 'dockerd',
    async pull(name, { config }) {
      await daemon.docker('pull', '--quiet', name)
      const { id } = await daemon.identity(name)
      await daemon.forget(name)
      expectSame(id, config.digest)
    },
    stop: () => Promise.resolve(), // with the state folder
  }
}

function expectSame(found: string | undefined, wanted: string): void {
  if (found !== wanted) throw new Error(`it is ${found}, not ${wanted}`)
}
