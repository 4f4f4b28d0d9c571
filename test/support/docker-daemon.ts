import { copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'

import { attempt, type Outcome, run } from './commands.js'
import type { ProcessOptions } from './processes.js'
import { freePort } from './processes.js'
import { supportScript } from './scripts.js'
import { type Suite, sidRoot } from './toolbox.js'

/** The command line that came with the daemon, also where a newer one was put into PATH. */
const DOCKER = '/usr/bin/docker'

/** Which dockerd, and where it keeps images. */
export interface DaemonKind {
  readonly title: string
  readonly suite: Suite
  readonly store: 'graph driver' | 'containerd'
}

export interface DaemonOptions {
  /** A network of its own, where the machine's loopback is 10.0.2.2. */
  readonly bridge?: boolean
  /** Names for its hosts file. */
  readonly hosts?: Readonly<Record<string, string>>
  /** A CA's PEM file for each `host:port`. */
  readonly authorities?: Readonly<Record<string, string>>
  /** The PEM file of a CA that the machine itself trusts, daemon and command lines: no other then. */
  readonly systemAuthority?: string
  /** Its `registry-mirrors`, in order. */
  readonly mirrors?: readonly string[]
  /** Its `insecure-registries`. */
  readonly insecure?: readonly string[]
  /** Folders that a daemon of another suite, and the command lines beside it, see besides its state. */
  readonly binds?: readonly string[]
  /** What it shows to each `host:port`, as PEM files. */
  readonly certificates?: Readonly<Record<string, { readonly certificate: string; readonly key: string }>>
}

/** What the daemon says of an image it has. */
export interface Identity {
  /** The digest of the config (graph driver), of the manifest or index (containerd). */
  readonly id: string
  /** As in `127.0.0.1:40123/app@sha256:…`. */
  readonly repositoryDigests: readonly string[]
  readonly diffIds: readonly string[]
}

/** A dockerd of our own, with its state in a folder; it ends when that folder's keeper destroys it. */
export class DockerDaemon {
  readonly #state: string
  readonly #suite: Suite
  readonly #process: ProcessOptions

  private constructor(state: string, suite: Suite, process: ProcessOptions) {
    this.#state = state
    this.#suite = suite
    this.#process = process
  }

  static async start(state: string, kind: DaemonKind, options: DaemonOptions = {}): Promise<DockerDaemon> {
    const args = ['start', state]
    if (options.bridge === true) args.push('--bridge')
    for (const [name, address] of Object.entries(options.hosts ?? {}))
      args.push('--host', `${name}=${address}`)
    for (const [host, file] of Object.entries(options.authorities ?? {})) args.push('--ca', `${host}=${file}`)
    for (const [host, { certificate, key }] of Object.entries(options.certificates ?? {}))
      args.push('--client', `${host}=${certificate},${key}`)
    for (const mirror of options.mirrors ?? []) args.push('--mirror', mirror)
    for (const registry of options.insecure ?? []) args.push('--insecure', registry)
    if (kind.suite === 'sid') {
      args.push('--root', await sidRoot())
      for (const folder of options.binds ?? []) args.push('--bind', folder)
    }
    if (kind.store === 'containerd') args.push('--', '--feature', 'containerd-snapshotter=true')
    const process = processOptions(state, options)
    await run(supportScript('dockerd.sh'), args, process)
    return new DockerDaemon(state, kind.suite, process)
  }

  /** Runs the docker command line beside the daemon, and throws unless it succeeds. */
  docker(...args: readonly string[]): Promise<string> {
    return run(supportScript('dockerd.sh'), ['exec', this.#state, DOCKER, ...args], this.#process)
  }

  /** Runs the docker command line; the caller judges. */
  attempt(...args: readonly string[]): Promise<Outcome> {
    return this.exec(DOCKER, ...args)
  }

  /** Runs a command where the daemon runs, in its network and with its suite's programs; the caller judges. */
  exec(...command: readonly string[]): Promise<Outcome> {
    return attempt(supportScript('dockerd.sh'), ['exec', this.#state, ...command], this.#process)
  }

  /** The arguments that start such a command: for a program that goes on running. */
  commandBeside(...command: readonly string[]): readonly [string, ...string[]] {
    return [supportScript('dockerd.sh'), 'exec', this.#state, ...command]
  }

  /** Makes a port of a daemon with a network of its own reachable here, on 127.0.0.1; answers where. */
  async publish(port: number): Promise<number> {
    const here = await freePort()
    await run(supportScript('dockerd.sh'), ['publish', this.#state, `${here}:${port}`])
    return here
  }

  /** Runs the compose that came with the daemon: 1.29 is a program of its own, v2 a plugin; the caller judges. */
  compose(...args: readonly string[]): Promise<Outcome> {
    const command = this.#suite === 'own' ? ['docker-compose'] : [DOCKER, 'compose']
    return this.exec(...command, ...args)
  }

  /** Loads the images of a layout folder. */
  async load(layoutFolder: string): Promise<void> {
    const pipeline = 'tar -cC "$1" . | "$2" exec "$3" "$4" load'
    const args = [
      '-o',
      'pipefail',
      '-c',
      pipeline,
      'bash',
      layoutFolder,
      supportScript('dockerd.sh'),
      this.#state,
      DOCKER,
    ]
    await run('bash', args)
  }

  /** Pushes, and answers the digest that the registry now has under the tag. */
  async push(name: string): Promise<string> {
    return pushedDigest(await this.docker('push', name))
  }

  /** What the daemon has under that name; throws when it has nothing. */
  async identity(name: string): Promise<Identity> {
    const format = '{{.Id}} {{json .RepoDigests}} {{json .RootFS.Layers}}'
    const [id, repositoryDigests, diffIds] = (
      await this.docker('image', 'inspect', '--format', format, name)
    ).split(' ')
    return {
      id: String(id),
      repositoryDigests: JSON.parse(String(repositoryDigests)) as readonly string[],
      diffIds: JSON.parse(String(diffIds)) as readonly string[],
    }
  }

  /** Removes an image under all its names, so that the next pull has to fetch it. */
  async forget(name: string): Promise<void> {
    const { id } = await this.identity(name)
    await this.docker('image', 'rm', '--force', id)
  }

  version(): Promise<string> {
    return this.docker('version', '--format', 'dockerd {{.Server.Version}}, client {{.Client.Version}}')
  }
}

/** The file stands where a daemon of another suite sees it too. */
function processOptions(state: string, { systemAuthority }: DaemonOptions): ProcessOptions {
  if (systemAuthority === undefined) return {}
  const file = path.join(state, 'system-ca.pem')
  mkdirSync(state, { recursive: true })
  copyFileSync(systemAuthority, file)
  return { environment: { SSL_CERT_FILE: file } }
}

/** The digest in the last line of `docker push`. */
export function pushedDigest(output: string): string {
  const digest = /: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(output)?.[1]
  if (digest === undefined) throw new Error(`docker push names no digest:\n${output}`)
  return digest
}
