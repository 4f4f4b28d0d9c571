// Ours: registry-core alone, and behind nginx, which sends the blobs that the core points at (X-Accel-Redirect).
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogStore } from './catalog.mjs'

export const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))

/** Writes a configuration for the core; answers the file's path. */
export function coreConfig(stack, name, port, root) {
  const file = path.join(stack.work, `${name}.yml`)
  const lines = [
    'version: 0.1',
    'log: { level: warn, formatter: json, accesslog: { disabled: true } }',
    'storage:',
    `  filesystem: { rootdirectory: ${root} }`,
    '  delete: { enabled: true }',
    `http: { addr: 127.0.0.1:${port} }`,
    `listeners: [ { socket: ${coreSocket(stack, name)}, view: header } ]`,
  ]
  fs.writeFileSync(file, lines.join('\n') + '\n')
  return file
}

const coreSocket = (stack, name) => path.join(stack.work, 'sock', `${name}.sock`)

/** Starts one core over a store and puts nginx before it. */
function startCore(stack, name, root) {
  const port = stack.takePort()
  fs.mkdirSync(root, { recursive: true })
  stack.start(name, process.execPath, [CORE, 'serve', coreConfig(stack, name, port, root)])
  stack.awaitFile(coreSocket(stack, name))
  stack.plain(`${name}-http`, `http://127.0.0.1:${port}`, 'ours', [name])
  const upstream = name.replaceAll('-', '_')
  stack.upstream(upstream, [`unix:${coreSocket(stack, name)}`])
  const body = front(upstream, root)
  stack.server(`${name}-nginx-tls`, { tls: true, kind: 'ours', body, pids: [name] })
  stack.server(`${name}-nginx-http`, { kind: 'ours', body, pids: [name] })
}

const front = (
  upstream,
  root,
) => `    client_max_body_size 0; chunked_transfer_encoding on; output_buffers 2 512k;
    location / {
      proxy_pass http://${upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr; proxy_read_timeout 900;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Entrepot-View registry; proxy_set_header X-Entrepot-Upstream "";
      proxy_request_buffering off; proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 4 64k;
    }
    location /_blobs/ { internal; alias ${root}/docker/registry/v2/blobs/; default_type application/octet-stream; types {} }`

export const addOurs = (stack) => startCore(stack, 'ours', path.join(stack.work, 'ours-store'))
export const addCatalogOurs = (stack) => startCore(stack, 'ours-catalog', catalogStore(stack, 'catalog-ours'))
