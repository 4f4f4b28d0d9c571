import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'

import { makeCertificates, signCertificate } from '../support/certificates.js'
import type { Outcome } from '../support/commands.js'
import type { SeenRequest } from '../support/fake-upstream/seen-requests.js'
import { type HubsOptions, MirroredHubs } from '../support/mirrored-hubs.js'
import { freePort } from '../support/processes.js'
import type { StateFolder } from '../support/state-folder.js'
import { TcpFaults } from '../support/tcp-faults.js'
import { type Suite, Toolbox } from '../support/toolbox.js'
import type { BehindMirror, Way } from './behind-mirror.js'

export type Program = 'podman' | 'buildah' | 'skopeo'
export const PROGRAMS: readonly Program[] = ['podman', 'buildah', 'skopeo']

export interface StageOptions extends HubsOptions {
  readonly way?: Way
}

/**
 * podman, buildah and skopeo with a registries.conf that has a dead mirror, ours, and then the hub itself; for quay.io
 * ours by the prefix.
 */
export class ToolsBehindMirror implements BehindMirror {
  readonly hubs: MirroredHubs
  readonly #tools: Toolbox
  readonly #state: StateFolder
  readonly #faults: TcpFaults
  #pulls = 0

  private constructor(state: StateFolder, hubs: MirroredHubs, faults: TcpFaults, tools: Toolbox) {
    this.#state = state
    this.hubs = hubs
    this.#faults = faults
    this.#tools = tools
  }

  static async start(
    suite: Suite,
    state: StateFolder,
    options: StageOptions = {},
  ): Promise<ToolsBehindMirror> {
    mkdirSync(state.join('certs'))
    const tls = options.way === 'https' ? await writeCertificates(state) : undefined
    const hubs = await MirroredHubs.start({
      both: { freshFor: '0s' }, // so that each pull of a tag wants to ask the hub
      ...options,
      ...(tls && { http: { tls } }),
    })
    const faults = await TcpFaults.start()
    faults.targetPorts = [hubs.mirror.mirrorPort]
    const isPlain = tls === undefined
    // TLS needs nobody between, and shows nothing to anybody.
    const mirror = isPlain ? `127.0.0.1:${faults.port}` : hubs.addresses.mirror
    const dead = `127.0.0.1:${await freePort()}`
    const registries = [
      ...registry('docker.io', hubs.hub.port, [dead, mirror], isPlain),
      ...registry('quay.io', hubs.quay.port, [dead, `${hubs.addresses.registry}/quay.io`], isPlain),
    ]
    writeFileSync(state.join('registries.conf'), registries.join('\n'))
    writeFileSync(state.join('auth.json'), '{}')
    const stage = new ToolsBehindMirror(state, hubs, faults, await Toolbox.open(suite, state))
    for (const program of PROGRAMS) process.stdout.write(await stage.#tools.run(program, '--version'))
    return stage
  }

  /** What the tools asked the hubs for themselves. */
  get direct(): readonly SeenRequest[] {
    return [...this.hubs.hub.requests, ...this.hubs.quay.requests].filter(({ isOurs }) => !isOurs)
  }

  /** The heads of what our mirror was asked without TLS. */
  get heads(): readonly string[] {
    return this.#faults.requests
  }

  /** Where the tools look for it, as host:port. */
  get mirrorHost(): string {
    return `127.0.0.1:${this.#faults.port}`
  }

  /** Each name and password that the tools are logged in with, by host. */
  setLogins(logins: Readonly<Record<string, string>>): void {
    const entries = Object.entries(logins).map(([host, login]) => {
      return [host, { auth: Buffer.from(login).toString('base64') }] as const
    })
    writeFileSync(this.#state.join('auth.json'), JSON.stringify({ auths: Object.fromEntries(entries) }))
  }

  /** Pulls anew, skopeo with all images of an index; throws unless it succeeds. */
  async pull(program: Program, name: string): Promise<void> {
    const { code, output } = await this.attemptPull(program, name)
    if (code !== 0) throw new Error(`${program} pull ${name} ended with ${code}:\n${output}`)
  }

  async attemptPull(program: Program, name: string): Promise<Outcome> {
    const target = this.#state.join(`pulled-${this.#pulls++}`)
    if (program === 'skopeo') {
      const certificates = ['--src-cert-dir', this.#state.join('certs')]
      return this.#run('skopeo', 'copy', '--all', ...certificates, `docker://${name}`, `dir:${target}`)
    }
    const pulled = await this.#run(program, 'pull', '--cert-dir', this.#state.join('certs'), name)
    await this.#run(program, 'rmi', '--all', '--force')
    return pulled
  }

  async close(): Promise<void> {
    await this.#faults.close()
    await this.hubs.close()
    await this.#state.destroy()
  }

  #run(program: Program, ...args: readonly string[]): Promise<Outcome> {
    const file = this.#state.join('registries.conf')
    const environment = [
      `CONTAINERS_REGISTRIES_CONF=${file}`,
      `REGISTRY_AUTH_FILE=${this.#state.join('auth.json')}`,
      'PODMAN_IGNORE_CGROUPSV1_WARNING=1',
    ]
    const storage = ['--root', this.#state.join('storage'), '--runroot', this.#state.join('run')]
    const options =
      program === 'skopeo'
        ? ['--insecure-policy', '--registries-conf', file]
        : [...storage, '--storage-driver=vfs']
    return this.#tools.attempt('env', ...environment, program, ...options, ...args)
  }
}

function registry(
  host: string,
  port: number,
  mirrors: readonly string[],
  isPlain: boolean,
): readonly string[] {
  const entries = mirrors.map((location) =>
    ['[[registry.mirror]]', `location = "${location}"`, `insecure = ${isPlain}`].join('\n'),
  )
  const own = ['[[registry]]', `prefix = "${host}"`, `location = "127.0.0.1:${port}"`, 'insecure = true']
  return [...own, ...entries]
}

/** The authority and the pair that the tools show, in one folder as they want it; answers what the mirror needs. */
async function writeCertificates(state: StateFolder): Promise<object> {
  const own = await makeCertificates(state.path)
  const client = await signCertificate(state.path, 'client', own)
  copyFileSync(own.caFile, state.join('certs/ca.crt'))
  copyFileSync(client.certificate, state.join('certs/client.cert'))
  copyFileSync(client.key, state.join('certs/client.key'))
  return { certificate: own.certificate, key: own.key, clientcas: [own.caFile] }
}
