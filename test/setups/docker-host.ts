import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { type Outcome, run } from '../support/commands.js'
import { type DaemonKind, type DaemonOptions, DockerDaemon } from '../support/docker-daemon.js'
import { eventually } from '../support/eventually.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { ImageLayout, type LayoutImage } from '../support/image-layout.js'
import { RegistryClient } from '../support/registry-client.js'
import { supportScript } from '../support/scripts.js'
import { StateFolder } from '../support/state-folder.js'

export const REPOSITORY = path.join(import.meta.dirname, '../../..')
/** The name under which the image of this repository is built. */
export const IMAGE = 'entrepot/registry'
/** Debian's docker-registry, under the name that people's files have. */
export const REGISTRY_2 = 'registry:2'
/** The configuration file in its image, with which people's files begin. */
export const REGISTRY_2_CONFIG = readFileSync(supportScript('registry2-config.yml'), 'utf8')

/** Where an upstream of the tests is, for the containers of a machine in its own network. */
export function addressInside({ port }: FakeUpstream): string {
  return `http://10.0.2.2:${port}`
}

/** The machines that run the setups: what Debian 12 has, and the newest. */
export const HOSTS = [
  { title: 'dockerd 20.10, compose 1.29', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, compose v2', suite: 'sid', store: 'graph driver' },
] as const satisfies readonly DaemonKind[]

/** Compose 1.29 is a program of its own. */
const COMPOSE = {
  own: 'docker() { if [ "$1" = compose ]; then shift; docker-compose "$@"; else /usr/bin/docker "$@"; fi; }',
  sid: '',
}

/**
 * A machine with Docker that has the image of this repository, built by its own builder. Its network is its own, so that
 * people's files keep their ports.
 */
export class DockerHost {
  readonly daemon: DockerDaemon
  readonly #kind: DaemonKind
  readonly #state: StateFolder
  /** Where the files of the people stand; the daemon and its command lines see it by the same path. */
  readonly folder: string

  private constructor(kind: DaemonKind, state: StateFolder, daemon: DockerDaemon) {
    this.#kind = kind
    this.#state = state
    this.daemon = daemon
    this.folder = state.join('docker/files')
    mkdirSync(this.folder, { recursive: true })
  }

  static start(kind: DaemonKind, options: DaemonOptions = {}): Promise<DockerHost> {
    return DockerHost.#start(kind, options, kind.suite === 'own' ? 'legacy' : 'buildkit')
  }

  /** A machine that has all it needs to build the image. */
  static startWithoutImage(kind: DaemonKind): Promise<DockerHost> {
    return DockerHost.#start(kind, {}, 'base')
  }

  static async #start(kind: DaemonKind, options: DaemonOptions, builder: string): Promise<DockerHost> {
    const state = new StateFolder()
    const seen = { bridge: true, binds: [REPOSITORY] }
    const daemon = await DockerDaemon.start(state.join('docker'), kind, { ...options, ...seen })
    process.stdout.write(`${kind.title}: ${await daemon.version()}`)
    await run(supportScript('built-image.sh'), [state.join('docker'), builder])
    return new DockerHost(kind, state, daemon)
  }

  destroy(): Promise<void> {
    return this.#state.destroy()
  }

  /** A path among the people's files. */
  join(name: string): string {
    return path.join(this.folder, name)
  }

  write(name: string, text: string): void {
    mkdirSync(path.dirname(this.join(name)), { recursive: true })
    writeFileSync(this.join(name), text)
  }

  /** Writes a setup's files into a folder of their own. */
  writeAll(setup: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) this.write(`${setup}/${name}`, text)
  }

  /** What people do to a setup: stop it, change the image in its compose file and nothing else, start it. */
  async move(setup: string, from: string, to: string): Promise<void> {
    await this.typed(`cd ${setup} && docker compose down 2>&1`)
    const file = this.join(`${setup}/docker-compose.yml`)
    const text = readFileSync(file, 'utf8')
    if (!text.includes(`image: ${from}\n`)) throw new Error(`${file} does not run ${from}`)
    writeFileSync(file, text.replaceAll(`image: ${from}\n`, `image: ${to}\n`))
    await this.typed(`cd ${setup} && docker compose up -d 2>&1`)
  }

  /** Puts a file beside the people's files. */
  copy(from: string, name: string): void {
    mkdirSync(path.dirname(this.join(name)), { recursive: true })
    copyFileSync(from, this.join(name))
  }

  /** What a shell prints for this text, typed among the people's files; the caller judges. */
  type(text: string): Promise<Outcome> {
    return this.daemon.exec('bash', '-c', `cd ${this.folder}\n${COMPOSE[this.#kind.suite]}\n${text}`)
  }

  /** The same; throws unless it succeeds. */
  async typed(text: string): Promise<string> {
    const { code, output } = await this.type(text)
    if (code !== 0) throw new Error(`$ ${text}\nended with ${code}:\n${output}`)
    return output
  }

  /** An image that only the daemon has yet. */
  async make(name: string): Promise<LayoutImage> {
    const tagged = /:[^/]+$/.test(name) ? name : `${name}:latest`
    const layout = new ImageLayout(this.#state.join(`layout-${name.replaceAll(/\W/g, '-')}`))
    const image = layout.addImage(tagged, { seed: name, layers: 3, layerBytes: 100_000 })
    await this.daemon.load(layout.folder)
    return image
  }

  /** An image that only an upstream has, with the tag `1`; it runs like those of `make`. */
  hold(upstream: FakeUpstream, repository: string): LayoutImage {
    const shape = { seed: `${upstream.port} ${repository}`, layers: 3, layerBytes: 100_000 }
    return holdImage(upstream, repository, { state: this.#state, ...shape })
  }

  /** Pulls what the daemon has no more, and runs it: it prints the sums of its layers' files. */
  async pullAndRun(name: string): Promise<string> {
    if ((await this.daemon.attempt('image', 'inspect', name)).code === 0) await this.daemon.forget(name)
    await this.daemon.docker('pull', name)
    return this.daemon.docker('run', '--rm', '--network', 'none', name)
  }

  /** Speaks to a port of the machine from outside. */
  async client(port: number): Promise<RegistryClient> {
    return new RegistryClient(`http://127.0.0.1:${await this.daemon.publish(port)}`)
  }

  /** Waits until a registry answers on the machine's own address. */
  async untilServed(address = '127.0.0.1:5000'): Promise<void> {
    await eventually(
      `a registry on ${address}`,
      async () => (await this.daemon.exec('curl', '-fsS', `http://${address}/v2/`)).code === 0,
      { deadlineMs: 60_000, everyMs: 100 },
    )
  }
}
