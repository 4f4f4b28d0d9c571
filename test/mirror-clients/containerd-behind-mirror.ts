import { mkdirSync, writeFileSync } from 'node:fs'

import { type Certificates, makeCertificates, signCertificate } from '../support/certificates.js'
import { Containerd } from '../support/containerd.js'
import type { SeenRequest } from '../support/fake-upstream/seen-requests.js'
import { ImageService } from '../support/image-service.js'
import { type HubsOptions, MirroredHubs } from '../support/mirrored-hubs.js'
import { freePort } from '../support/processes.js'
import type { StateFolder } from '../support/state-folder.js'
import { TcpFaults } from '../support/tcp-faults.js'
import type { Suite } from '../support/toolbox.js'
import type { BehindMirror, Way } from './behind-mirror.js'
import { hostsToml } from './hosts-toml.js'

export interface StageOptions extends HubsOptions {
  readonly way?: Way
  /** What is sent to the mirror with each request for Docker Hub's images. */
  readonly header?: string
  /** Further lines of its configuration, for containerd 2. */
  readonly furtherTables?: readonly string[]
}

/** A containerd whose hosts are a dead mirror, ours, and then the hub itself; the kubelet's way and that of ctr. */
export class ContainerdBehindMirror implements BehindMirror {
  readonly hubs: MirroredHubs
  readonly #containerd: Containerd
  readonly #kubelet: ImageService
  readonly #faults: TcpFaults
  readonly #state: StateFolder

  private constructor(state: StateFolder, hubs: MirroredHubs, faults: TcpFaults, containerd: Containerd) {
    this.#state = state
    this.hubs = hubs
    this.#faults = faults
    this.#containerd = containerd
    this.#kubelet = new ImageService(containerd.socket)
  }

  static async start(
    suite: Suite,
    state: StateFolder,
    options: StageOptions = {},
  ): Promise<ContainerdBehindMirror> {
    const own = options.way === 'https' ? await makeCertificates(state.path) : undefined
    const client = own && (await signCertificate(state.path, 'client', own))
    const hubs = await MirroredHubs.start({
      both: { freshFor: '0s' }, // so that each pull of a tag wants to ask the hub
      ...options,
      ...(own && { http: { tls: { ...pairOf(own), clientcas: [own.caFile] } } }),
    })
    const faults = await TcpFaults.start()
    faults.targetPorts = [hubs.mirror.mirrorPort]
    const containerd = await Containerd.start(suite, state, {
      ...{ host: hubs.addresses.mirror, caFile: undefined, clientCertificate: undefined },
      ...(options.furtherTables && { configuration: configuration(state, options.furtherTables) }),
    })
    const scheme = own === undefined ? 'http' : 'https'
    // TLS needs nobody between, and shows nothing to anybody.
    const mirror = own === undefined ? `127.0.0.1:${faults.port}` : hubs.addresses.mirror
    const mirrors = [`${scheme}://127.0.0.1:${await freePort()}`, `${scheme}://${mirror}`]
    const reached = { caFile: own?.caFile, client }
    const hosts = {
      'docker.io': hostsToml(hubs.hub.url, mirrors, { ...reached, header: options.header }),
      'quay.io': hostsToml(hubs.quay.url, mirrors, reached),
    }
    for (const [host, text] of Object.entries(hosts)) {
      mkdirSync(state.join(`certs.d/${host}`), { recursive: true })
      writeFileSync(state.join(`certs.d/${host}/hosts.toml`), text)
    }
    return new ContainerdBehindMirror(state, hubs, faults, containerd)
  }

  /** What containerd asked the hubs for itself. */
  get direct(): readonly SeenRequest[] {
    const requests = [...this.hubs.hub.requests, ...this.hubs.quay.requests]
    return requests.filter(({ isOurs }) => !isOurs)
  }

  /** The heads of what our mirror was asked without TLS. */
  get heads(): readonly string[] {
    return this.#faults.requests
  }

  version(): Promise<string> {
    return this.#containerd.ctr('--version')
  }

  /** The list of what it has begun to fetch, and not ended. */
  kept(): Promise<string> {
    return this.#containerd.ctr('content', 'active')
  }

  /** Pulls by ctr what is not here, and throws it away; answers its listing in between. */
  async pullByCtr(name: string, ...options: readonly string[]): Promise<string> {
    const hosts = ['--hosts-dir', this.#state.join('certs.d')]
    await this.#containerd.ctr('images', 'pull', ...hosts, ...options, name)
    const listed = await this.#containerd.ctr('images', 'ls')
    await this.#containerd.ctr('images', 'rm', '--sync', name)
    return listed
  }

  /** Pulls as the kubelet does, and throws it away; answers what it is called there. */
  async pullAsKubelet(name: string, secret?: { username: string; password: string }): Promise<string> {
    const { code, output } = await this.#kubelet.pull(name, secret)
    if (code !== 0) throw new Error(`${name}: ${output}`)
    await this.#kubelet.remove(name)
    return output
  }

  async close(): Promise<void> {
    this.#kubelet.close()
    await this.#containerd.stop()
    await this.#faults.close()
    await this.hubs.close()
    await this.#state.destroy()
  }
}

function pairOf({ certificate, key }: Certificates): Pick<Certificates, 'certificate' | 'key'> {
  return { certificate, key }
}

function configuration(state: StateFolder, tables: readonly string[]): string {
  const folder = `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${state.join('certs.d')}"`
  return ['version = 3', folder, ...tables].join('\n')
}
