// Ours: registry-core alone, and behind nginx as it ships, which sends the blobs that the core points at (X-Accel-Redirect).
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startNginx } from '../../dist/support/nginx.js'
import { catalogStore } from './catalog.mjs'

export const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))

const coreSocket = (stack, name) => path.join(stack.work, 'sock', `${name}.sock`)

/** Writes a configuration for the core; answers the file's path. */
export function coreConfig(stack, name, port, root, more = []) {
  const file = path.join(stack.work, `${name}.yml`)
  const lines = [
    'version: 0.1',
    'log: { level: warn, formatter: json }',
    'storage:',
    `  filesystem: { rootdirectory: ${root} }`,
    '  delete: { enabled: true }',
    `http: { addr: 127.0.0.1:${port} }`,
    `listeners: [ { socket: ${coreSocket(stack, name)}, view: header } ]`,
    ...more,
  ]
  fs.writeFileSync(file, lines.join('\n') + '\n')
  return file
}

/**
 * Starts one core over a store and puts the front before it.
 * @param more further lines of the core's configuration
 * @param extra what the harness should know of the targets
 */
export async function startCore(stack, name, storeRoot, { more, extra } = {}) {
  const port = stack.takePort()
  fs.mkdirSync(storeRoot, { recursive: true })
  stack.start(name, process.execPath, [CORE, 'serve', coreConfig(stack, name, port, storeRoot, more)])
  stack.awaitFile(coreSocket(stack, name))
  const nginx = await startNginx({
    coreSocket: coreSocket(stack, name),
    storeRoot,
    settings: { maxUploadSize: '0' },
  })
  const front = stack.adopt(`${name}-nginx`, nginx)
  stack.plain(`${name}-http`, `http://127.0.0.1:${port}`, 'ours', [name], extra)
  stack.plain(`${name}-nginx-tls`, `https://127.0.0.1:${nginx.tlsPort}`, 'ours', [name, front], extra)
  stack.plain(`${name}-nginx-http`, `http://127.0.0.1:${nginx.httpPort}`, 'ours', [name, front], extra)
}

export const addOurs = (stack) => startCore(stack, 'ours', path.join(stack.work, 'ours-store'))
export const addCatalogOurs = (stack) => startCore(stack, 'ours-catalog', catalogStore(stack, 'catalog-ours'))
