// An upstream registry some milliseconds away, for measuring mirrors: it counts who asks for what, and fails when it is told to.
//   node far-upstream.mjs --port P --ctl-port C
// Every repository and tag exists (images.mjs). Each answer waits for `latency` ms before its head. On the control port, which
// stays up when the other one is down:
//   GET /_stats[?reset=1]
//   GET /_image?repo=R&tag=T          what it holds, without touching the counters
//   GET /_ctl?latency=40&rate=50&link=0 (MB/s of a connection, and of all together; 0: no limit)&down=0|1&hang=0|1
//            &fail=429|503&on=any|blob|manifest&bump=REPO:TAG&forget=1&clear=1 (everything as at the start)
import http from 'node:http'
import crypto from 'node:crypto'
import { parseArgs } from 'node:util'
import { Images } from './images.mjs'
import { Link } from './link.mjs'

const KNOBS = { latency: 40, rate: 50, link: 0, down: 0, hang: 0, fail: 0, on: 'any' }
const TOKEN_SECONDS = 300
const VERSION = { 'docker-distribution-api-version': 'registry/2.0' }

const zeroStats = () => ({ requests: 0, bytes: 0, kinds: {}, most: 0 })

function kindOf(method, path) {
  if (path === '/token') return 'token'
  if (/\/manifests\//.test(path)) return method === 'HEAD' ? 'manifestHead' : 'manifestGet'
  if (/\/blobs\//.test(path)) return method === 'HEAD' ? 'blobHead' : 'blobGet'
  return 'other'
}

function sendJson(res, status, value, headers = {}) {
  const body = JSON.stringify(value)
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  res.end(body)
}
const sendError = (res, status, code, headers) =>
  sendJson(res, status, { errors: [{ code, message: code.toLowerCase() }] }, headers)

class Upstream {
  #images = new Images()
  #stats = zeroStats()
  #tokens = new Map()
  #sockets = new Set()
  #knobs = { ...KNOBS }
  #link = new Link(this.#knobs, (bytes) => (this.#stats.bytes += bytes))

  constructor(port) {
    this.port = port
    this.base = `http://127.0.0.1:${port}`
    this.server = http.createServer({ keepAliveTimeout: 65000, highWaterMark: 1 << 20 }, (req, res) => {
      req.resume()
      setTimeout(() => this.#handle(req, res), this.#knobs.latency)
    })
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    })
  }

  listen() {
    if (this.server.listening) return undefined
    return new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', 1024, resolve))
  }

  async #close() {
    if (!this.server.listening) return
    const closed = new Promise((resolve) => this.server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #handle(req, res) {
    const url = new URL(req.url, this.base)
    const kind = kindOf(req.method, url.pathname)
    this.#stats.requests++
    this.#stats.kinds[kind] = (this.#stats.kinds[kind] ?? 0) + 1
    const { hang, fail, on } = this.#knobs
    const isFaulty = on === 'any' || kind.startsWith(on)
    if (hang && isFaulty) return // says nothing at all
    if (fail && isFaulty) return sendError(res, fail, fail === 429 ? 'TOOMANYREQUESTS' : 'UNAVAILABLE')
    if (kind === 'token') return this.#issueToken(res, url.searchParams.getAll('scope'))
    const [, repo, what, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? []
    if (!this.#isAuthorized(req, repo)) return this.#challenge(res, repo)
    if (what === undefined) return sendJson(res, 200, {}, VERSION)
    const isTag = what === 'manifests' && !reference.startsWith('sha256:')
    this.#send(req, res, isTag ? this.#images.manifest(repo, reference) : reference, what === 'blobs')
  }

  #issueToken(res, scopes) {
    const token = crypto.randomBytes(24).toString('base64url')
    this.#tokens.set(token, { scopes, expires: Date.now() + TOKEN_SECONDS * 1000 })
    sendJson(res, 200, { token, access_token: token, expires_in: TOKEN_SECONDS })
  }

  #isAuthorized(req, repo) {
    const token = this.#tokens.get((req.headers.authorization ?? '').replace(/^Bearer /i, ''))
    if (!token || token.expires <= Date.now()) return false
    const scopes = token.scopes.flatMap((scope) => scope.split(' '))
    return !repo || scopes.some((scope) => scope.startsWith(`repository:${repo}:`) && scope.includes('pull'))
  }

  #challenge(res, repo) {
    const scope = repo ? `,scope="repository:${repo}:pull"` : ''
    const challenge = `Bearer realm="${this.base}/token",service="far.bench"${scope}`
    sendError(res, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge, ...VERSION })
  }

  #send(req, res, digest, isBlob) {
    const blob = this.#images.blobs.get(digest)
    if (blob === undefined) return sendError(res, 404, isBlob ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN')
    const { bytes, type = 'application/octet-stream' } = blob
    const [, from] = /^bytes=(\d+)-$/.exec(req.headers.range ?? '') ?? []
    const body = from ? bytes.subarray(Number(from)) : bytes
    res.writeHead(from ? 206 : 200, {
      ...{ 'content-type': type, 'docker-content-digest': digest, etag: `"${digest}"`, ...VERSION },
      ...{ 'content-length': body.length, 'accept-ranges': 'bytes' },
      ...(from && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    })
    if (req.method === 'HEAD') return res.end()
    if (!isBlob) return res.end(body)
    this.#link.send(res, body)
    this.#stats.most = Math.max(this.#stats.most, this.#link.active)
  }

  async #control(query) {
    for (const [key, value] of query) {
      if (key === 'clear') Object.assign(this.#knobs, KNOBS)
      else if (key === 'bump') this.#images.bump(value)
      else if (key === 'forget') this.#images.forget()
      else this.#knobs[key] = key === 'on' ? value : Number(value)
    }
    await (this.#knobs.down ? this.#close() : this.listen())
    return { knobs: this.#knobs }
  }

  async answerControl({ pathname, searchParams: query }) {
    if (pathname === '/_ctl') return this.#control(query)
    if (pathname === '/_image') {
      const digest = this.#images.manifest(query.get('repo'), query.get('tag'))
      return { digest, manifest: JSON.parse(this.#images.blobs.get(digest).bytes) }
    }
    const now = { ...this.#stats, active: this.#link.active }
    if (query.get('reset')) this.#stats = zeroStats()
    return now
  }
}

const { values } = parseArgs({ options: { port: { type: 'string' }, 'ctl-port': { type: 'string' } } })
const upstream = new Upstream(Number(values.port))
await upstream.listen()
http
  .createServer((req, res) => {
    void upstream
      .answerControl(new URL(req.url, 'http://localhost'))
      .then((answer) => sendJson(res, 200, answer))
  })
  .listen(Number(values['ctl-port']), '127.0.0.1')
