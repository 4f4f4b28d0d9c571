import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { type Certificates, makeCertificates, signCertificate } from '../support/certificates.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import type { SeenRequest } from '../support/fake-upstream/seen-requests.js'
import { type HubsOptions, MirroredHubs } from '../support/mirrored-hubs.js'
import { freePort } from '../support/processes.js'
import type { StateFolder } from '../support/state-folder.js'
import { TcpFaults } from '../support/tcp-faults.js'
import type { BehindMirror, Way } from './behind-mirror.js'
import { hostsToml } from './hosts-toml.js'

export const DAEMONS: readonly DaemonKind[] = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

const HUB_NAME = 'registry-1.docker.io'
/** Not the loopback, where daemons check no certificates. */
const MACHINE = '10.0.2.2'
const MIRROR_NAME = 'mirror.test'

export interface StageOptions extends HubsOptions {
  readonly way?: Way
  /** Keeps the heads of what the mirror is asked by the daemon, without TLS. */
  readonly isListenedTo?: boolean
  /** What is sent to the mirror with each request, where the daemon reads files that can say so. */
  readonly header?: string
}

/**
 * A daemon with a network of its own, in which a scripted hub is Docker Hub itself, on its port 443; its list of mirrors
 * names a dead one first.
 */
export class DockerBehindMirror implements BehindMirror {
  readonly hubs: MirroredHubs
  readonly daemon: DockerDaemon
  readonly #faults: TcpFaults | undefined
  readonly #state: StateFolder

  private constructor(
    state: StateFolder,
    hubs: MirroredHubs,
    daemon: DockerDaemon,
    faults: TcpFaults | undefined,
  ) {
    this.#state = state
    this.hubs = hubs
    this.daemon = daemon
    this.#faults = faults
  }

  static async start(
    state: StateFolder,
    kind: DaemonKind,
    options: StageOptions = {},
  ): Promise<DockerBehindMirror> {
    const ofHub = await certificatesIn(state, 'hub', HUB_NAME)
    const own = options.way === 'https' ? await certificatesIn(state, 'mirror', MIRROR_NAME) : undefined
    const hubs = await MirroredHubs.start({
      both: { freshFor: '0s' }, // so that each pull of a tag wants to ask the hub
      ...options,
      hub: { ...options.hub, tls: ofHub },
      hubSettings: { ca: ofHub.caFile, ...options.hubSettings },
      ...(own && { http: { tls: { ...pairOf(own), clientcas: [own.caFile] } } }),
    })
    const faults = options.isListenedTo === true ? await TcpFaults.start() : undefined
    if (faults) faults.targetPorts = [hubs.mirror.mirrorPort]
    const host = `${MIRROR_NAME}:${faults?.port ?? hubs.mirror.mirrorPort}`
    const client = own && (await signCertificate(path.dirname(own.caFile), 'client', own))
    await writeSettings(state, { host, caFile: own?.caFile, client, header: options.header })
    const daemon = await DockerDaemon.start(state.join('docker'), kind, {
      bridge: true,
      hosts: { [HUB_NAME]: MACHINE, 'index.docker.io': MACHINE, [MIRROR_NAME]: MACHINE },
      systemAuthority: ofHub.caFile,
      ...(own && { authorities: { [host]: own.caFile }, binds: [state.join('mirror')] }),
      ...(client && { certificates: { [host]: client } }),
    })
    await becomeTheHub(daemon, hubs.hub.port)
    return new DockerBehindMirror(state, hubs, daemon, faults)
  }

  /** What the daemon asked the hub for itself. */
  get direct(): readonly SeenRequest[] {
    return this.hubs.hub.requests.filter(({ isOurs }) => !isOurs)
  }

  /** The heads of what the mirror was asked, where somebody listens. */
  get heads(): readonly string[] {
    return this.#faults?.requests ?? []
  }

  /** Builds on an image, with what the daemon's version builds with; answers how that ended. */
  async build(from: string): Promise<number | null> {
    const context = this.#state.join('docker/context')
    mkdirSync(context, { recursive: true })
    writeFileSync(path.join(context, 'Dockerfile'), `FROM ${from}\nLABEL built=here\n`)
    const { code, output } = await this.daemon.attempt('build', '--pull', '--no-cache', context)
    if (code !== 0) process.stdout.write(output)
    return code
  }

  async close(): Promise<void> {
    await this.#faults?.close()
    await this.hubs.close()
    await this.#state.destroy()
  }
}

function certificatesIn(state: StateFolder, name: string, host: string): Promise<Certificates> {
  mkdirSync(state.join(name))
  return makeCertificates(state.join(name), [`DNS:${host}`, 'IP:127.0.0.1'])
}

function pairOf({ certificate, key }: Certificates): Pick<Certificates, 'certificate' | 'key'> {
  return { certificate, key }
}

interface Reached {
  readonly host: string
  readonly caFile: string | undefined
  readonly client: Pick<Certificates, 'certificate' | 'key'> | undefined
  readonly header: string | undefined
}

/** Both files, since each daemon reads one of them, and newer ones the other for builds. */
async function writeSettings(state: StateFolder, reached: Reached): Promise<void> {
  const scheme = reached.caFile === undefined ? 'http' : 'https'
  const mirrors = [`${scheme}://${MIRROR_NAME}:${await freePort()}`, `${scheme}://${reached.host}`]
  const folder = state.join('docker/etc-docker')
  const hub = path.join(folder, 'certs.d/docker.io')
  mkdirSync(hub, { recursive: true })
  writeFileSync(path.join(folder, 'daemon.json'), JSON.stringify({ 'registry-mirrors': mirrors }))
  const text = hostsToml(`https://${HUB_NAME}`, mirrors, reached)
  writeFileSync(path.join(hub, 'hosts.toml'), text)
}

/** Only in the daemon's own network. */
async function becomeTheHub(daemon: DockerDaemon, port: number): Promise<void> {
  const rule = ['OUTPUT', '-d', MACHINE, '-p', 'tcp', '--dport', '443', '-j', 'DNAT']
  const command = ['iptables', '-t', 'nat', '-I', ...rule, '--to-destination', `${MACHINE}:${port}`]
  const { code, output } = await daemon.exec(...command)
  if (code !== 0) throw new Error(`the hub has no port 443: ${output}`)
}
