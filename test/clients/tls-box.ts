import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll } from '@jest/globals'

import type { ClientBox } from '#control/clients/client-box.js'
import { installScript, type ScriptedSystem } from '#control/clients/install-script.js'

import { RESTRICTED } from '../support/accounts.js'
import { run } from '../support/commands.js'
import { holdImage } from '../support/held-image.js'
import { ImageLayout, type LayoutImage } from '../support/image-layout.js'
import { MirroredHubs } from '../support/mirrored-hubs.js'
import { type RunningNginx, startNginx } from '../support/nginx.js'
import { freePort } from '../support/processes.js'
import { StateFolder } from '../support/state-folder.js'

const PROBE = 'entrepot/probe'

/** An account that may everything, where there are accounts. */
export const OWNER = 'owner'

/** The authority of somebody else. */
export const STRANGER = readFileSync(
  new URL('../../../control-plane/golden/clients/ca.pem', import.meta.url),
  'utf8',
)

/** The product as a box: core, two hubs behind it, and nginx with TLS for the registry and for the mirror. */
export class TlsBox {
  readonly state: StateFolder
  /** What the control plane would know of it. */
  readonly facts: ClientBox
  readonly hubs: MirroredHubs
  readonly caFile: string
  /** Only the box has it. */
  readonly probe: LayoutImage
  readonly #nginx: RunningNginx

  private constructor(
    state: StateFolder,
    made: { hubs: MirroredHubs; nginx: RunningNginx; facts: ClientBox; caFile: string; probe: LayoutImage },
  ) {
    this.state = state
    this.hubs = made.hubs
    this.#nginx = made.nginx
    this.facts = made.facts
    this.caFile = made.caFile
    this.probe = made.probe
  }

  /** As clients reach it: a name that they know, or 127.0.0.1. With accounts nobody pulls without one. */
  static async start(host: string, access: ClientBox['access'] = 'open'): Promise<TlsBox> {
    const state = new StateFolder()
    const coreSocket = state.join('core.sock')
    const known = access === 'account' ? { config: RESTRICTED, listener: { anonymous: 'none' } } : {}
    // What anybody may have from the hubs anybody who may pull here may have.
    const hubs = await MirroredHubs.start({ socket: coreSocket, both: { expose: 'all' }, ...known })
    const names = [`DNS:${host === '127.0.0.1' ? 'localhost' : host}`, 'IP:127.0.0.1']
    const nginx = await startNginx({ coreSocket, storeRoot: hubs.mirror.core.root, names })
    const { listeners } = nginx.settings
    const tls = listeners.find((each) => each.kind === 'tls')
    if (tls === undefined || nginx.caFile === undefined) throw new Error('no TLS')
    const mirrorTls = await freePort()
    await nginx.reload({ listeners: [...listeners, { ...tls, port: mirrorTls, view: 'mirror' }] })
    const probe = await pushProbe(state, hubs.addresses.registry)
    const caPem = readFileSync(nginx.caFile, 'utf8')
    const facts: ClientBox = {
      host,
      ports: { registryTls: tls.port, mirrorTls },
      ...{ caPem, caFingerprint: new X509Certificate(caPem).fingerprint256 },
      upstreams: [
        { host: 'docker.io', aliases: ['index.docker.io', 'registry-1.docker.io'] },
        { host: 'quay.io', aliases: [] },
      ],
      access,
      probe: `${PROBE}:1`,
    }
    return new TlsBox(state, { hubs, nginx, facts, caFile: nginx.caFile, probe })
  }

  /** As it stands before the slash of an image's name. */
  get registry(): string {
    return `${this.facts.host}:${this.facts.ports.registryTls}`
  }

  get mirror(): string {
    return `${this.facts.host}:${this.facts.ports.mirrorTls}`
  }

  /** Requests for this path that nginx has answered. */
  asked(what: string): readonly string[] {
    const lines = this.#nginx.accessLog().map(({ method, target }) => `${String(method)} ${String(target)}`)
    return lines.filter((line) => line.includes(what))
  }

  /** An image of a hub that nobody has pulled yet. */
  hold(hub: 'docker.io' | 'quay.io', repository: string): LayoutImage {
    const at = hub === 'docker.io' ? this.hubs.hub : this.hubs.quay
    return holdImage(at, repository, { state: this.state, seed: repository, layers: 1, layerBytes: 10_000 })
  }

  /** The script of a system, in a folder that the client sees. */
  writeScript(system: ScriptedSystem, file: string): void {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, installScript(system, this.facts))
  }

  async close(): Promise<void> {
    await this.#nginx.stop()
    await this.hubs.close()
    await this.state.destroy()
  }
}

/** Has one while the tests of a suite run. */
export function useTlsBox(
  host: string,
  stopClient?: () => Promise<void>,
  access?: ClientBox['access'],
): { readonly box: TlsBox } {
  let open: TlsBox | undefined
  beforeAll(async () => {
    open = await TlsBox.start(host, access)
  })
  afterAll(async () => {
    await stopClient?.()
    await open?.close()
  })
  return {
    get box() {
      if (open === undefined) throw new Error('the box did not start')
      return open
    },
  }
}

async function pushProbe(state: StateFolder, registry: string): Promise<LayoutImage> {
  const layout = new ImageLayout(state.join('probe'))
  const image = layout.addImage('probe:1', { seed: 'probe', layers: 1, layerBytes: 1000 })
  const to = `docker://${registry}/${PROBE}:1`
  await run('skopeo', [
    ...['--insecure-policy', 'copy', '--dest-tls-verify=false'],
    ...['--dest-creds', `${OWNER}:${OWNER}-password`],
    ...[`oci:${layout.folder}:1`, to],
  ])
  return image
}
