// Content to measure with: random files made once, and an image that each target holds (bench/fixture:latest).
import fs from 'node:fs'
import path from 'node:path'
import crypto from 'node:crypto'
import { MiB, options } from './options.mjs'
import { load, request } from './client.mjs'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const CONFIG = 'application/vnd.docker.container.image.v1+json'
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
export const ACCEPT = {
  accept: [
    MANIFEST,
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.index.v1+json',
  ].join(', '),
}
export const ACCEPT_LINE = `Accept: ${ACCEPT.accept}`

const digestOf = (bytes) => `sha256:${crypto.createHash('sha256').update(bytes).digest('hex')}`

function digestOfFile(file) {
  const hash = crypto.createHash('sha256')
  const buffer = Buffer.allocUnsafe(MiB)
  const fd = fs.openSync(file, 'r')
  for (let n; (n = fs.readSync(fd, buffer)) > 0; ) hash.update(buffer.subarray(0, n))
  fs.closeSync(fd)
  return `sha256:${hash.digest('hex')}`
}

/** A file of incompressible bytes that depend only on `seed`; made once. */
export function randomFile(name, size, seed) {
  const file = path.join(options.work, 'fixtures', name)
  if (fs.existsSync(file) && fs.statSync(file).size === size) return file
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const key = crypto.createHash('sha256').update(`fixture:${seed}`).digest()
  const cipher = crypto.createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  const zeros = Buffer.alloc(MiB)
  const fd = fs.openSync(file, 'w')
  for (let o = 0; o < size; o += MiB)
    fs.writeSync(fd, cipher.update(zeros.subarray(0, Math.min(MiB, size - o))))
  fs.closeSync(fd)
  return file
}

/** Overwrites the first 16 bytes so that no registry has seen the file; returns its new digest. */
export function makeFresh(file) {
  const fd = fs.openSync(file, 'r+')
  fs.writeSync(fd, crypto.randomBytes(Math.min(16, fs.fstatSync(fd).size)), 0, undefined, 0)
  fs.closeSync(fd)
  return digestOfFile(file)
}

async function putBlob(target, repo, bytes) {
  const digest = digestOf(bytes)
  const begun = await request(target, 'POST', `/v2/${repo}/blobs/uploads/`)
  if (begun.status !== 202) throw new Error(`${target.name}: POST upload ${begun.status}`)
  const at = new URL(begun.headers.location, target.url)
  at.searchParams.set('digest', digest)
  const headers = { 'content-type': 'application/octet-stream' }
  const done = await request(target, 'PUT', at.pathname + at.search, { body: bytes, headers })
  if (done.status !== 201) throw new Error(`${target.name}: PUT blob ${done.status} ${done.body}`)
  return { digest, size: bytes.length }
}

const manifestOf = (config, layers) =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: config.digest, size: config.size },
      layers: layers.map((l) => ({ mediaType: LAYER, digest: l.digest, size: l.size })),
    }),
  )

async function putManifest(target, repo, tag, config, layers) {
  const body = manifestOf(config, layers)
  const headers = { 'content-type': MANIFEST }
  const r = await request(target, 'PUT', `/v2/${repo}/manifests/${tag}`, { body, headers })
  if (r.status !== 201) throw new Error(`${target.name}: PUT manifest ${r.status} ${r.body}`)
}

let image
/** The image that the pull scenarios fetch: one large layer, one of 4 KiB. */
export function fixture() {
  if (image) return image
  const bigFile = randomFile('big', options.blobMiB * MiB, 'big')
  const smallBytes = fs.readFileSync(randomFile('small', 4096, 'small'))
  const configBytes = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [] },
      note: 'bench fixture',
    }),
  )
  const big = { digest: digestOfFile(bigFile), size: options.blobMiB * MiB }
  const small = { digest: digestOf(smallBytes), size: 4096 }
  const config = { digest: digestOf(configBytes), size: configBytes.length }
  const manifest = digestOf(manifestOf(config, [big, small]))
  return (image = {
    repo: 'bench/fixture',
    tag: 'latest',
    bigFile,
    smallBytes,
    configBytes,
    big,
    small,
    config,
    manifest,
  })
}

const ready = new Set()
/** Pushes the fixture unless the target has it. */
export async function ensureFixture(target) {
  if (ready.has(target)) return
  ready.add(target)
  const f = fixture()
  const has = await request(target, 'HEAD', `/v2/${f.repo}/manifests/${f.manifest}`, { headers: ACCEPT })
  if (has.status !== 200 && !target.readonly) {
    const pusher = { ...target, headers: target.pushHeaders }
    const r = await load(pusher, [[f.repo, f.big.digest, f.bigFile]], { mode: 'push-mono' })
    if (r.errors)
      throw new Error(`${target.name}: fixture push: ${r.first_error} ${JSON.stringify(r.statuses)}`)
    await putBlob(pusher, f.repo, f.smallBytes)
    await putBlob(pusher, f.repo, f.configBytes)
    await putManifest(pusher, f.repo, f.tag, f.config, [f.big, f.small])
  }
  const there = await request(target, 'HEAD', `/v2/${f.repo}/blobs/${f.small.digest}`)
  if (there.status !== 200) throw new Error(`${target.name}: the fixture is not there (${there.status})`)
}
