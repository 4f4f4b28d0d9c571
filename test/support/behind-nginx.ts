import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { startNginx } from './nginx.js'
import { connectTo } from './processes.js'
import { startCore, type Target, type TargetOptions } from './targets.js'

/** Our registry-core as it ships: on a unix socket behind the rendered nginx, which sends stored blobs from disk. */
export async function startCoreBehindNginx(options: TargetOptions = {}): Promise<Target> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const socket = path.join(folder, 'core.sock')
  const core = await startCore({
    ...options,
    config: { ...options.config, listeners: [{ socket, view: 'header' }] },
  })
  const removeCore = async (): Promise<void> => {
    await core.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const nginx = await startNginx({ coreSocket: socket, storeRoot: core.root, tls: false })
    return {
      ...core,
      name: 'registry-core behind nginx',
      baseUrl: `http://127.0.0.1:${nginx.httpPort}`,
      port: nginx.httpPort,
      rawConnect: () => connectTo({ port: nginx.httpPort }),
      async remove() {
        await nginx.stop()
        await removeCore()
      },
    }
  } catch (error) {
    await removeCore()
    throw error
  }
}
