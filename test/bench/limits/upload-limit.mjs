// What a Node upload path can reach: POST/PATCH/PUT of Docker's flow, with the body received, hashed and written to disk.
//   node upload-limit.mjs --listen PORT|unix:/path --dir DIR --variant V [--fsync 0|1]
//   V: manual    req 'data' -> hash.update -> gathered to 1 MiB -> fs.writev, at most 8 MiB in flight
//      discard   receive only
//      tail      main thread writes, a worker thread follows the file and hashes it
//      file      nginx has already written the body to a file (X-Body-File); a worker thread hashes it, then it is renamed
import http from 'node:http'
import fs from 'node:fs'
import path from 'node:path'
import crypto from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { listen, option } from './cli.mjs'

const dir = option('--dir')
const variant = option('--variant', 'manual')
const fsync = option('--fsync', '1') === '1'
const BATCH = 1 << 20
const uploads = new Map()
fs.mkdirSync(dir, { recursive: true })

const waiting = new Map()
let worker
if (variant === 'tail' || variant === 'file') {
  worker = new Worker(new URL('./hash-worker.mjs', import.meta.url))
  worker.on('message', (done) => {
    waiting.get(done.id)(done)
    waiting.delete(done.id)
  })
}
function hashInWorker(file, shared) {
  const id = crypto.randomUUID()
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    worker.postMessage({ id, file, shared })
  })
}

function reply(res, status, headers = {}) {
  res.writeHead(status, { 'Content-Length': 0, ...headers })
  res.end()
}
function fail(res, error) {
  console.error(error)
  if (!res.headersSent) reply(res, 500)
}

function receiveSpooled(req, upload, done) {
  const file = req.headers['x-body-file']
  if (file) {
    upload.file = file
    upload.digest = hashInWorker(file)
  }
  req.resume()
  req.on('end', () => done(null))
}

function startFollowing(upload) {
  if (upload.progress) return
  const shared = new SharedArrayBuffer(16)
  upload.progress = new BigInt64Array(shared)
  upload.digest = hashInWorker(upload.file, shared)
}

/** Gathers chunks to batches and writes one batch at a time; pauses the request when 8 MiB wait. */
function receiveInBatches(req, upload, done) {
  const fd = fs.openSync(upload.file, 'a')
  if (variant === 'manual') upload.hash ??= crypto.createHash('sha256')
  if (variant === 'tail') startFollowing(upload)
  let queue = []
  let queued = 0
  let inFlight = 0
  let ended = false
  const flush = () => {
    if (inFlight) return
    if (!queued) return ended ? fs.close(fd, () => done(null)) : undefined
    if (queued < BATCH && !ended) return
    const batch = queue
    inFlight = queued
    queue = []
    queued = 0
    fs.writev(fd, batch, (error) => {
      if (error) return done(error)
      upload.written += inFlight
      inFlight = 0
      if (upload.progress) {
        Atomics.store(upload.progress, 0, BigInt(upload.written))
        Atomics.notify(upload.progress, 0)
      }
      if (req.isPaused() && queued < 4 * BATCH) req.resume()
      flush()
    })
  }
  req.on('data', (chunk) => {
    upload.hash?.update(chunk)
    queue.push(chunk)
    queued += chunk.length
    if (inFlight + queued > 8 * BATCH) req.pause()
    flush()
  })
  req.on('end', () => {
    ended = true
    flush()
  })
}

function receive(req, upload, done) {
  if (variant === 'file') return receiveSpooled(req, upload, done)
  if (variant !== 'discard') return receiveInBatches(req, upload, done)
  req.on('data', () => {})
  req.on('end', () => done(null))
}

async function finish(upload, digest, res) {
  if (upload.progress) {
    Atomics.store(upload.progress, 1, 1n)
    Atomics.notify(upload.progress, 0)
  }
  const hex = upload.digest ? (await upload.digest).digest : upload.hash?.digest('hex')
  if (hex && `sha256:${hex}` !== digest) return reply(res, 400)
  if (variant === 'discard') return reply(res, 201, { Location: '/' })
  if (fsync) {
    const handle = await fs.promises.open(upload.file, 'r')
    await handle.sync()
    await handle.close()
  }
  await fs.promises.rename(upload.file, path.join(dir, digest.slice(7)))
  reply(res, 201, { Location: '/', 'Docker-Content-Digest': digest })
}

function head(req, res) {
  const stat = fs.statSync(path.join(dir, req.url.slice(-64)), { throwIfNoEntry: false })
  if (!stat) return reply(res, 404)
  res.writeHead(200, { 'Content-Length': stat.size })
  res.end()
}

function begin(req, res) {
  const id = crypto.randomUUID()
  uploads.set(id, { file: path.join(dir, `up-${id}`), written: 0 })
  req.resume()
  reply(res, 202, { Location: req.url.split('?')[0] + id, Range: '0-0' })
}

function hasBody({ headers }) {
  const spooled = headers['x-body-file'] && fs.statSync(headers['x-body-file']).size > 0
  return spooled || Number(headers['content-length']) > 0 || Boolean(headers['transfer-encoding'])
}

function complete(req, res, id, upload, digest) {
  uploads.delete(id)
  const end = (error) => {
    if (error) fail(res, error)
    else finish(upload, digest, res).catch((e) => fail(res, e))
  }
  if (hasBody(req)) return receive(req, upload, end)
  req.resume()
  end(null)
}

const server = http.createServer((req, res) => {
  if (req.method === 'HEAD') return head(req, res)
  if (req.method === 'POST') return begin(req, res)
  const url = new URL(req.url, 'http://localhost')
  const id = path.basename(url.pathname)
  const upload = uploads.get(id)
  if (!upload) {
    req.resume()
    return reply(res, 404)
  }
  if (req.method === 'PUT') return complete(req, res, id, upload, url.searchParams.get('digest'))
  receive(req, upload, (error) =>
    error ? fail(res, error) : reply(res, 202, { Location: url.pathname, Range: '0-1' }),
  )
})
server.requestTimeout = 0
server.keepAliveTimeout = 300000
listen(server, option('--listen'))
