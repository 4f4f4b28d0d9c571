import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'

import { type NginxOptions, type RunningNginx, startNginx } from '../support/nginx.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

/** The product as it ships: the real core on its unix socket, nginx before it, plain and with TLS. */
export interface FrontedCore {
  readonly core: Target
  readonly nginx: RunningNginx
  /** Through nginx, over plain HTTP. */
  readonly client: RegistryClient
  readonly coreSocket: string
}

export interface FrontedCoreOptions extends Pick<NginxOptions, 'virtualHosts'> {
  /** nginx looks for the store where there is none, so that it can open no file of it. */
  readonly blind?: boolean
}

/** Runs it while the tests of a suite do. */
export function useFrontedCore({ blind = false, virtualHosts = [] }: FrontedCoreOptions = {}): FrontedCore {
  const running: { core?: Target; nginx?: RunningNginx; client?: RegistryClient } = {}
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const coreSocket = path.join(folder, 'core.sock')
  beforeAll(async () => {
    running.core = await startCore({ config: { listeners: [{ socket: coreSocket, view: 'header' }] } })
    const storeRoot = blind ? path.join(folder, 'nowhere') : running.core.root
    running.nginx = await startNginx({ coreSocket, storeRoot, virtualHosts })
    running.client = new RegistryClient(`http://127.0.0.1:${running.nginx.httpPort}`)
  })
  afterAll(async () => {
    await running.client?.close()
    await running.nginx?.stop()
    await running.core?.remove()
    rmSync(folder, { recursive: true })
  })
  return {
    coreSocket,
    get core() {
      return started(running.core)
    },
    get nginx() {
      return started(running.nginx)
    },
    get client() {
      return started(running.client)
    },
  }
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('it does not run yet')
  return part
}
