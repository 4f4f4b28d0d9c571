// Lays out a store in CNCF Distribution's on-disk format (filesystem driver), without going through a registry.
//   node make-store.mjs --root DIR catalog --repos 10000 --tags 3
//   node make-store.mjs --root DIR tags    --repo big/tags --tags 10000
//   node make-store.mjs --root DIR referrers --repo big/subject --count 100000     (with the index that we keep beside it)
// Several kinds can be laid into the same root, one call each. Prints what it made as JSON.
import fs from 'node:fs'
import path from 'node:path'
import crypto from 'node:crypto'
import { pathToFileURL } from 'node:url'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.docker.container.image.v1+json'
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const digestOf = (hex) => `sha256:${hex}`
const describe = (mediaType, { size, hex }) => ({ mediaType, size, digest: digestOf(hex) })
const five = (i) => String(i).padStart(5, '0')

class Store {
  made = { blobs: 0, links: 0, tags: 0, manifests: 0 }

  constructor(root) {
    this.v2 = path.join(root, 'docker/registry/v2')
  }

  #write(file, data) {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, data)
  }

  #link(repo, where, hex) {
    this.#write(path.join(this.v2, 'repositories', repo, where, 'link'), digestOf(hex))
    this.made.links++
  }

  blob(data) {
    const hex = crypto.createHash('sha256').update(data).digest('hex')
    const file = path.join(this.v2, 'blobs/sha256', hex.slice(0, 2), hex, 'data')
    if (!fs.existsSync(file)) {
      this.#write(file, data)
      this.made.blobs++
    }
    return { hex, size: data.length }
  }

  layer(repo, blob) {
    this.#link(repo, `_layers/sha256/${blob.hex}`, blob.hex)
  }

  image(repo, tags, config, layers) {
    const described = layers.map((l) => describe(LAYER, l))
    const body = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: describe(CONFIG, config),
      layers: described,
    }
    const manifest = this.blob(Buffer.from(JSON.stringify(body)))
    this.latest = describe(MANIFEST, manifest)
    const { hex } = manifest
    this.made.manifests++
    for (const blob of [config, ...layers]) this.layer(repo, blob)
    this.#link(repo, `_manifests/revisions/sha256/${hex}`, hex)
    for (const tag of tags) {
      this.#link(repo, `_manifests/tags/${tag}/current`, hex)
      this.#link(repo, `_manifests/tags/${tag}/index/sha256/${hex}`, hex)
      this.made.tags++
    }
    fs.mkdirSync(path.join(this.v2, 'repositories', repo, '_uploads'), { recursive: true })
  }

  /** A manifest with a subject, as a push of ours leaves it: hashed (lease), linked, in the index of referrers. */
  referrer(repo, subject, config, layer, index) {
    const annotations = { index: String(index) }
    const artifactType = 'application/x.signature'
    const head = { schemaVersion: 2, mediaType: OCI, artifactType, config: describe(CONFIG, config) }
    const body = { ...head, layers: [describe(LAYER, layer)], subject, annotations }
    const blob = this.blob(Buffer.from(JSON.stringify(body)))
    const prefix = blob.hex.slice(0, 2)
    fs.writeFileSync(path.join(this.v2, 'blobs/sha256', prefix, blob.hex, 'lease'), '')
    this.#link(repo, `_manifests/revisions/sha256/${blob.hex}`, blob.hex)
    const shelf = path.join('repositories', repo, '_referrers/sha256', subject.digest.slice(7), prefix)
    const descriptor = { ...describe(OCI, blob), artifactType, annotations }
    this.#write(path.join(this.v2, shelf, `sha256-${blob.hex}`), JSON.stringify(descriptor))
    this.made.manifests++
  }

  /** One config and one layer that many images share. */
  sharedBlobs() {
    const config = '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    return [this.blob(Buffer.from(config)), this.blob(crypto.createHash('sha256').update('layer').digest())]
  }
}

export function makeCatalog(root, repos, tags) {
  const store = new Store(root)
  const [config, layer] = store.sharedBlobs()
  const names = Array.from({ length: tags }, (_, k) => `1.${k}`)
  for (let i = 0; i < repos; i++) {
    store.image(`team${String(i % 100).padStart(3, '0')}/app${five(i)}`, names, config, [layer])
  }
  return store.made
}

export function makeTags(root, repo, tags) {
  const store = new Store(root)
  const [config, layer] = store.sharedBlobs()
  const names = Array.from({ length: tags }, (_, k) => `v${five(k)}`)
  store.image(repo, names, config, [layer])
  return store.made
}

/** One subject, tagged, and manifests that refer to it: each numbered in its annotation `index`. */
function makeReferrers(root, repo, count) {
  const store = new Store(root)
  const [config, layer] = store.sharedBlobs()
  store.image(repo, ['subject'], config, [layer])
  const subject = store.latest
  for (let i = 0; i < count; i++) store.referrer(repo, subject, config, layer, i)
  return { ...store.made, subject }
}

function main(argv) {
  const option = (name, fallback) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : fallback)
  const number = (name, fallback) => Number(option(name, fallback))
  const kinds = {
    catalog: (root) => makeCatalog(root, number('--repos', 10000), number('--tags', 3)),
    referrers: (root) => makeReferrers(root, option('--repo', 'big/subject'), number('--count', 100000)),
    tags: (root) => makeTags(root, option('--repo', 'big/tags'), number('--tags', 10000)),
  }
  const root = option('--root')
  const kind = Object.keys(kinds).find((k) => argv.includes(k))
  if (!root || !kind) throw new Error('usage: make-store.mjs --root DIR catalog|tags|referrers [options]')
  const start = performance.now()
  const made = kinds[kind](root)
  console.log(JSON.stringify({ ...made, seconds: Math.round(performance.now() - start) / 1e3 }))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2))
