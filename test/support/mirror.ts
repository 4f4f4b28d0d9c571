import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import type { FakeUpstream } from './fake-upstream/fake-upstream.js'
import { freePort, untilListening } from './processes.js'
import { RegistryClient, type RegistryClientOptions } from './registry-client.js'
import { startCore, type Target } from './targets.js'

type Settings = Readonly<Record<string, unknown>>

/** One entry of `mirrors.upstreams`. */
export interface MirroredUpstream extends Settings {
  readonly host: string
  /** Where it really is: its URL becomes `urls`, its address one that may be dialled. */
  readonly at?: FakeUpstream
}

export interface MirrorOptions {
  readonly upstreams: readonly MirroredUpstream[]
  /** Further keys of `mirrors`; the first upstream is the default unless they say otherwise. */
  readonly mirrors?: Settings
  readonly overlay?: Settings
  /** Further keys of the mirror view's listener. */
  readonly listener?: Settings
  /** Further top-level keys of the configuration file. */
  readonly config?: Settings
  /** A unix socket for nginx, besides. */
  readonly socket?: string
  /** Further keys of `http`. */
  readonly http?: Settings
  readonly environment?: Readonly<Record<string, string>>
  /** An existing store; without it a fresh folder is made. */
  readonly root?: string
}

/** The core with a registry view and a mirror view, each on a port of its own. */
export interface Mirror {
  /** Pushes, and pulls by prefix. */
  readonly registry: RegistryClient
  /** Pulls bare names, as a daemon's `registry-mirrors` has it. */
  readonly mirror: RegistryClient
  readonly mirrorPort: number
  /** The process that runs now. */
  readonly core: Target
  /** Another client of the mirror view, as with a Host that stands for an upstream. */
  connect(options?: RegistryClientOptions): RegistryClient
  /** Ends the process, in order or by SIGKILL, and starts another one on the same store and ports. */
  restart(how?: 'in order' | 'by kill -9', changes?: Partial<MirrorOptions>): Promise<void>
  /** Stops it and removes what was made for it. */
  remove(): Promise<void>
}

/** Starts a mirror of scripted upstreams, over a fresh folder. */
export async function startMirror(options: MirrorOptions): Promise<Mirror> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const root = options.root ?? path.join(folder, 'store')
  const [port, mirrorPort] = [await freePort(), await freePort()]
  const start = async (now: MirrorOptions): Promise<Target> => {
    const core = await startCore({
      root,
      port,
      config: configuration(now, mirrorPort),
      ...(now.http && { http: now.http }),
      ...(now.environment && { environment: now.environment }),
    })
    await untilListening({ port: mirrorPort }, core.process)
    return core
  }
  const running = { core: await start(options) }
  const clients: RegistryClient[] = []
  const connect = (url: string, how?: RegistryClientOptions): RegistryClient => {
    const client = new RegistryClient(url, how)
    clients.push(client)
    return client
  }
  const mirrorUrl = `http://127.0.0.1:${mirrorPort}`
  return {
    registry: connect(running.core.baseUrl),
    mirror: connect(mirrorUrl),
    mirrorPort,
    get core() {
      return running.core
    },
    connect: (how) => connect(mirrorUrl, how),
    async restart(how = 'in order', changes = {}) {
      if (how === 'by kill -9') {
        running.core.process.signal('SIGKILL')
        await running.core.process.ended
      }
      await running.core.remove()
      running.core = await start({ ...options, ...changes })
    },
    async remove() {
      await Promise.all(clients.map((client) => client.close()))
      await running.core.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configuration(
  { upstreams, mirrors, overlay, listener, socket, config }: MirrorOptions,
  port: number,
): Settings {
  return {
    listeners: [
      { addr: `127.0.0.1:${port}`, view: 'mirror', anonymous: 'pull', ...listener },
      ...(socket === undefined ? [] : [{ socket, view: 'header' }]),
    ],
    mirrors: { default: upstreams[0]?.host, ...mirrors, upstreams: upstreams.map(entry) },
    ...(overlay && { overlay }),
    ...config,
  }
}

function entry({ at, ...settings }: MirroredUpstream): Settings {
  return { ...(at && { urls: [at.url], allowAddresses: ['127.0.0.0/8'] }), ...settings }
}
