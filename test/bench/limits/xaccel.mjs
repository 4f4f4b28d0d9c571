// The smallest registry front that a Node process can be: blobs by X-Accel-Redirect, manifests from memory.
//   node xaccel.mjs --listen PORT|unix:/path --root STORE [--check]   (--check: stat the repository's layer link, cached 5 s)
import http from 'node:http'
import fs from 'node:fs'
import path from 'node:path'
import { flag, listen, option } from './cli.mjs'

const v2 = path.join(option('--root'), 'docker/registry/v2')
const check = flag('--check')
const REQUEST = /^\/v2\/(.+)\/(blobs|manifests)\/(?:sha256:([0-9a-f]{64})|([\w][\w.-]{0,127}))$/
const OCTETS = 'application/octet-stream'
const sizes = new Map()
const manifests = new Map()
const links = new Map()

const dataOf = (hex) => path.join(v2, 'blobs/sha256', hex.slice(0, 2), hex, 'data')
const headers = (hex, type, length) => ({
  'Content-Type': type,
  'Content-Length': length,
  'Docker-Content-Digest': `sha256:${hex}`,
  Etag: `"sha256:${hex}"`,
  'Docker-Distribution-Api-Version': 'registry/2.0',
})

/** Throws unless the repository links the layer. */
function checkLink(repo, hex) {
  const key = repo + hex
  if (links.get(key) > Date.now()) return
  fs.statSync(path.join(v2, 'repositories', repo, '_layers/sha256', hex, 'link'))
  links.set(key, Date.now() + 5000)
}

function blob(req, res, repo, hex) {
  if (check) checkLink(repo, hex)
  if (req.method === 'HEAD') {
    if (!sizes.has(hex)) sizes.set(hex, fs.statSync(dataOf(hex)).size)
    res.writeHead(200, headers(hex, OCTETS, sizes.get(hex)))
  } else {
    res.writeHead(200, {
      ...headers(hex, OCTETS, 0),
      'X-Accel-Redirect': `/_blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
    })
  }
  res.end()
}

function readManifest(repo, hex, tag) {
  const tagLink = () =>
    fs.readFileSync(path.join(v2, 'repositories', repo, '_manifests/tags', tag, 'current/link'), 'utf8')
  const found = hex ?? tagLink().trim().slice(7)
  const body = fs.readFileSync(dataOf(found))
  return { body, headers: headers(found, JSON.parse(body).mediaType, body.length) }
}

function manifest(req, res, repo, hex, tag) {
  const key = `${repo}\n${hex ?? tag}`
  if (!manifests.has(key)) manifests.set(key, readManifest(repo, hex, tag))
  const found = manifests.get(key)
  res.writeHead(200, found.headers)
  res.end(req.method === 'HEAD' ? undefined : found.body)
}

const server = http.createServer((req, res) => {
  const [, repo, kind, hex, tag] = REQUEST.exec(req.url) ?? []
  try {
    if (kind === 'blobs') blob(req, res, repo, hex)
    else manifest(req, res, repo, hex, tag)
  } catch {
    res.writeHead(404, { 'Content-Length': 0 })
    res.end()
  }
})
server.keepAliveTimeout = 300000
server.requestTimeout = 0
listen(server, option('--listen'))
