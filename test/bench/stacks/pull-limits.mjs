// The limits of pulling: the peer's store served by nginx alone, by nginx with a link check, and by nginx with Node deciding.
import fs from 'node:fs'
import path from 'node:path'

const REPO = '^/v2/(?<repo>.+)'
const HEX = 'sha256:(?<h>(?<p>[0-9a-f][0-9a-f])[0-9a-f]+)$'
const BLOB = `${REPO}/blobs/${HEX}`
const MANIFEST = `${REPO}/manifests/${HEX}`
const TAG = `${REPO}/manifests/(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*)$`
const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json'
const CACHE = 'open_file_cache max=20000 inactive=60s; open_file_cache_valid 30s;'
const TUNED = 'ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; output_buffers 2 512k;'
const KEEPALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";'

const location = (pattern, body) => `    location ~ ${pattern} {\n      ${body}\n    }`
const typed = (type) => `default_type ${type}; types {}`
const DIGEST = 'add_header Docker-Content-Digest sha256:$h;'

/** Blobs and manifests by digest, no check at all: the physical limit. */
function staticFiles(stack, extra) {
  const send = `${DIGEST} alias ${stack.v2}/blobs/sha256/$p/$h/data;`
  return [
    `    ${extra}`,
    location(BLOB, `${typed('application/octet-stream')} ${send}`),
    location(MANIFEST, `${typed(MANIFEST_TYPE)} ${send}`),
  ].join('\n')
}

/** The repository's link file decides; tags come from a folder of symbolic links to blob folders. */
function linkChecked(stack, extra) {
  const headers = 'add_header Docker-Distribution-Api-Version registry/2.0; etag off;'
  const checked = (type, link) => `${typed(type)} set $ok 0;
      if (-f ${stack.v2}/repositories/$repo/${link}/sha256/$h/link) { set $ok 1; }
      if ($ok = 0) { return 404; }
      ${DIGEST} ${headers} alias ${stack.v2}/blobs/sha256/$p/$h/data;`
  return [
    `    ${extra} ${CACHE} open_file_cache_errors on; disable_symlinks off;`,
    location(BLOB, checked('application/octet-stream', '_layers')),
    location(MANIFEST, checked(MANIFEST_TYPE, '_manifests/revisions')),
    location(
      TAG,
      `${typed(MANIFEST_TYPE)} root ${stack.work}/served/$repo/tags/$tag;
      add_header Docker-Content-Digest $realdigest; ${headers} try_files /data =404;`,
    ),
  ].join('\n')
}

/** Keeps served/bench/fixture/tags in step with the store, as a registry core would for each tag. */
function followFixtureTags(stack) {
  const tags = path.join(stack.v2, 'repositories/bench/fixture/_manifests/tags')
  const served = stack.dir('served/bench/fixture/tags')
  const follow = () => {
    if (!fs.existsSync(tags)) return
    for (const tag of fs.readdirSync(tags)) {
      const link = path.join(tags, tag, 'current/link')
      const at = path.join(served, tag)
      if (!fs.existsSync(link) || fs.existsSync(at)) continue
      const hex = fs.readFileSync(link, 'utf8').trim().slice(7)
      fs.symlinkSync(path.join(stack.v2, 'blobs/sha256', hex.slice(0, 2), hex), at)
    }
  }
  setInterval(follow, 500).unref()
}

/** Node answers each request: blobs by X-Accel-Redirect, manifests from memory. */
function addXAccel(stack) {
  const socket = stack.socket('xaccel')
  stack.startLimit('xaccel', 'xaccel.mjs', ['--listen', socket, '--root', stack.store, '--check'])
  stack.upstream('xaccel', [socket])
  const body = (extra) => `    ${CACHE} ${extra}
    location /v2/ { proxy_pass http://xaccel; ${KEEPALIVE} proxy_set_header Host $http_host; }
    location /_blobs/sha256/ { internal; alias ${stack.v2}/blobs/sha256/; ${typed('application/octet-stream')} }`
  stack.server('limit-node-http', { kind: 'limit', body: body(''), pids: ['xaccel'] })
  stack.server('limit-node-tls', { kind: 'limit', tls: true, body: body(TUNED), pids: ['xaccel'] })
}

export function addPullLimits(stack) {
  stack.server('limit-http', { kind: 'limit', body: staticFiles(stack, CACHE) })
  stack.server('limit-tls', { kind: 'limit', tls: true, body: staticFiles(stack, CACHE) })
  stack.server('limit-tls-tuned', { kind: 'limit', tls: true, body: staticFiles(stack, `${TUNED} ${CACHE}`) })
  stack.server('limit-direct-http', { kind: 'limit', body: linkChecked(stack, '') })
  stack.server('limit-direct-tls', { kind: 'limit', tls: true, body: linkChecked(stack, TUNED) })
  addXAccel(stack)
  followFixtureTags(stack)
}
