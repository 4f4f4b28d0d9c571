import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'

import type { RegistrySettings } from '#front/registry-yaml.js'

import { RESTRICTED } from '../support/accounts.js'
import type { RegistryClientOptions } from '../support/registry-client.js'
import type { NginxProgram } from '../support/nginx-programs.js'
import type { Target } from '../support/targets.js'
import { type AppliedBox, makeBox, type Wanted } from '../front/applied-box.js'

/** The box's own front before the core, spoken to over TLS; everybody may push there, so that every row can be shown. */
export interface TlsTarget extends Target {
  readonly box: AppliedBox
  readonly tls: NonNullable<RegistryClientOptions['tls']>
  /** Of a listener where nobody may anything without an account of RESTRICTED. */
  readonly privatePort: number
  /** What it was asked to be. */
  readonly wanted: Wanted
}

/** Renders, applies and starts a box as the control plane does it. */
export async function startTlsTarget(program: NginxProgram): Promise<TlsTarget> {
  const box = await makeBox(program)
  const { certificate, key, caFile } = box.certificates
  const { tls: port } = box.ports
  const local = path.join(box.folder, 'run/core-local.sock')
  const pair = { kind: 'tls', address: '127.0.0.1', certificate, key } as const
  const registry = registryOf(box.folder)
  const { mirrorTls: privatePort } = box.ports
  const listeners = [
    { ...pair, port, coreSocket: local },
    { ...pair, port: privatePort, coreSocket: path.join(box.folder, 'run/core-private.sock') },
  ]
  try {
    await box.apply('1', { front: { listeners }, registry })
    await box.start()
  } catch (error) {
    await box.stop()
    throw error
  }
  const ca = readFileSync(caFile)
  return {
    ...{ box, port, privatePort, tls: { ca }, wanted: { front: { listeners }, registry } },
    name: 'registry-core behind nginx',
    baseUrl: `https://127.0.0.1:${port}`,
    root: path.join(box.folder, 'store'),
    configFile: path.join(box.places.config, 'current/registry.yml'),
    deleteEnabled: true,
    process: box.core,
    async rawConnect() {
      const socket = tls.connect({ host: '127.0.0.1', port, ca })
      await once(socket, 'secureConnect')
      return socket
    },
    stop: () => box.core.stop(),
    remove: () => box.stop(),
  }
}

function registryOf(folder: string): Partial<RegistrySettings> {
  const socket = (name: string): string => path.join(folder, 'run', name)
  const sockets: RegistrySettings['sockets'] = [
    { socket: socket('core.sock'), anonymous: 'pull' },
    { socket: socket('core-local.sock'), anonymous: 'push' },
    { socket: socket('core-private.sock'), anonymous: 'none' },
  ]
  return { sockets, access: { accounts: RESTRICTED.access.accounts } } as Partial<RegistrySettings>
}
