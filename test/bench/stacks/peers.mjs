// The peer: CNCF Distribution as Debian packages it, alone, with its own TLS, and behind nginx as people run it.
import fs from 'node:fs'
import path from 'node:path'

/** Writes a configuration for Distribution; answers the file's path. */
export function registryConfig(
  stack,
  name,
  port,
  { tls = false, root = stack.store, remote, htpasswd } = {},
) {
  const file = path.join(stack.work, `${name}.yml`)
  const lines = [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    'storage:',
    `  filesystem: { rootdirectory: ${root} }`,
    '  delete: { enabled: true }',
    '  cache: { blobdescriptor: inmemory }',
    'http:',
    `  addr: 127.0.0.1:${port}`,
    '  headers: { X-Content-Type-Options: [nosniff] }',
    ...(tls ? [`  tls: { certificate: ${stack.cert}, key: ${stack.key} }`] : []),
    ...(htpasswd ? [`auth: { htpasswd: { realm: bench, path: ${htpasswd} } }`] : []),
    ...(remote ? [`proxy: { remoteurl: ${remote} }`] : []),
  ]
  fs.writeFileSync(file, lines.join('\n') + '\n')
  return file
}

/** Starts Distribution over a store; answers its port. */
export function startRegistry(stack, name, options = {}) {
  const port = stack.takePort()
  stack.start(name, 'docker-registry', ['serve', registryConfig(stack, name, port, options)])
  return port
}

/** nginx in front of Distribution with keep-alive, no request buffering and large response buffers: the best for it. */
export const tunedProxy = (upstream) =>
  proxy(upstream, 'proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 4 64k;')

/** The same with nginx's small default buffers, as most copied configurations have it. */
const unbufferedProxy = (upstream) => proxy(upstream, 'proxy_buffering off;')

const proxy = (upstream, buffers) => `    client_max_body_size 0; chunked_transfer_encoding on;
    location /v2/ {
      proxy_pass http://${upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr; proxy_read_timeout 900;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off; ${buffers}
    }`

export function addPeers(stack) {
  const port = startRegistry(stack, 'peer')
  stack.plain('peer-http', `http://127.0.0.1:${port}`, 'peer', ['peer'])
  stack.upstream('registry', [`127.0.0.1:${port}`])
  const peer = { kind: 'peer', pids: ['peer'] }
  stack.server('peer-nginx-tls', { ...peer, tls: true, body: tunedProxy('registry') })
  stack.server('peer-nginx-unbuffered', { ...peer, tls: true, body: unbufferedProxy('registry') })
  stack.server('peer-nginx-http', { ...peer, body: tunedProxy('registry') })
  const ownTls = startRegistry(stack, 'peer-tls', { tls: true })
  stack.plain('peer-own-tls', `https://127.0.0.1:${ownTls}`, 'peer', ['peer-tls'])
}
