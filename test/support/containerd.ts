import { mkdirSync, writeFileSync } from 'node:fs'

import { attempt, type Outcome, run } from './commands.js'
import { eventually } from './eventually.js'
import { type RunningProcess, startProcess } from './processes.js'
import { supportScript } from './scripts.js'
import type { ServedVolume } from './served-volume.js'
import type { StateFolder } from './state-folder.js'
import { type Suite, sidRoot } from './toolbox.js'

/** What it needs to know of a served registry. */
type Reached = Pick<ServedVolume, 'host' | 'caFile' | 'clientCertificate'> & {
  /** A version, then the tables that name the folder of hosts, as they stand in its file. */
  readonly configuration?: string
}

/** A containerd of our own that knows how to reach one registry. */
export class Containerd {
  readonly #suite: Suite
  readonly #state: StateFolder
  readonly #volume: Reached
  readonly #daemon: RunningProcess

  private constructor(suite: Suite, state: StateFolder, volume: Reached, daemon: RunningProcess) {
    this.#suite = suite
    this.#state = state
    this.#volume = volume
    this.#daemon = daemon
  }

  static async start(suite: Suite, state: StateFolder, volume: Reached): Promise<Containerd> {
    writeConfiguration(state, volume)
    const command = ['containerd', '-c', state.join('c/config.toml')]
    const enter = [supportScript('debian-root.sh'), 'run']
    const bind = ['--bind', `${state.path}=${state.path}`]
    const inSid = async () => [...enter, await sidRoot(), state.join('root'), ...bind, ...command]
    const [program = '', ...args] = suite === 'own' ? command : await inSid()
    const containerd = new Containerd(suite, state, volume, await startProcess(program, args))
    await eventually('containerd answers', async () => (await containerd.attempt('version')).code === 0)
    return containerd
  }

  /** Where it listens, for whoever speaks to it as the kubelet does. */
  get socket(): string {
    return this.#state.join('c/containerd.sock')
  }

  /** The flags of `ctr images push` and `pull`: how the registry is reached. */
  get reach(): readonly string[] {
    return this.#volume.caFile === undefined ? ['--plain-http'] : ['--hosts-dir', this.#state.join('certs.d')]
  }

  /** Runs ctr; the caller judges. */
  attempt(...args: readonly string[]): Promise<Outcome> {
    return this.beside('ctr', '--address', this.socket, ...args)
  }

  /** Runs a command among the programs of its suite; the caller judges. */
  beside(...command: readonly string[]): Promise<Outcome> {
    const beside = [supportScript('debian-root.sh'), 'exec', this.#state.join('root'), ...command]
    const [program = '', ...rest] = this.#suite === 'own' ? command : beside
    return attempt(program, rest)
  }

  /** Runs ctr, and answers what it wrote; throws unless it succeeded. */
  async ctr(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.attempt(...args)
    if (code !== 0) throw new Error(`ctr ${args.join(' ')} ended with ${code}:\n${output}`)
    return output
  }

  /** Imports the images of a layout folder, for all platforms. */
  async load(layoutFolder: string): Promise<void> {
    const tar = this.#state.join('image.tar')
    await run('tar', ['-C', layoutFolder, '-cf', tar, 'blobs', 'index.json', 'oci-layout'])
    await this.ctr('images', 'import', '--all-platforms', tar)
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }
}

function writeConfiguration(state: StateFolder, reached: Reached): void {
  const { host, caFile, clientCertificate } = reached
  const hosts = state.join(`certs.d/${host}`)
  mkdirSync(hosts, { recursive: true })
  const server = `${caFile === undefined ? 'http' : 'https'}://${host}`
  const table = [
    `server = "${server}"`,
    `[host."${server}"]`,
    'capabilities = ["pull", "resolve", "push"]',
    ...(caFile === undefined ? [] : [`ca = "${caFile}"`]),
    ...(clientCertificate === undefined
      ? []
      : [`client = [["${clientCertificate.certificate}", "${clientCertificate.key}"]]`]),
  ]
  writeFileSync(`${hosts}/hosts.toml`, table.join('\n'))
  mkdirSync(state.join('c'))
  const [version = '', ...tables] = (reached.configuration ?? registryTable(state)).split('\n')
  const configuration = [
    version,
    `root = "${state.join('c/root')}"`,
    `state = "${state.join('c/state')}"`,
    '[grpc]',
    `address = "${state.join('c/containerd.sock')}"`,
    ...tables,
  ]
  writeFileSync(state.join('c/config.toml'), configuration.join('\n'))
}

function registryTable(state: StateFolder): string {
  const name = 'plugins."io.containerd.grpc.v1.cri".registry'
  return `version = 2\n[${name}]\nconfig_path = "${state.join('certs.d')}"`
}
