// The limits of pushing: small Node programs behind nginx that receive, hash and store a body, and nginx writing it itself.

const KEEPALIVE = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 900;'

/** nginx hands the body on as it comes. */
const streamed = (upstream) => `    client_max_body_size 0; client_body_buffer_size 16k;
    location /v2/ { proxy_pass http://${upstream}; ${KEEPALIVE} proxy_request_buffering off; proxy_buffering off; }`

/** nginx writes the body to a file and hands on its name. */
const spooled = (stack, upstream) => `    client_max_body_size 0; client_body_buffer_size 1m;
    client_body_temp_path ${stack.work}/up/tmp;
    location /v2/ {
      proxy_pass http://${upstream}; ${KEEPALIVE}
      client_body_in_file_only on; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_set_header Transfer-Encoding ""; proxy_set_header X-Body-File $request_body_file;
    }`

export function addUploadLimits(stack) {
  const dir = stack.dir('up')
  for (const variant of ['manual', 'discard', 'tail', 'file']) {
    const socket = stack.socket(`up-${variant}`)
    stack.startLimit(`up-${variant}`, 'upload-limit.mjs', [
      '--listen',
      socket,
      '--dir',
      dir,
      '--variant',
      variant,
    ])
    stack.upstream(`up-${variant}`, [socket])
    const body = variant === 'file' ? spooled(stack, 'up-file') : streamed(`up-${variant}`)
    stack.server(`limit-up-${variant}-tls`, { kind: 'upload', tls: true, body, pids: [`up-${variant}`] })
  }
}
