// Images of the far upstream, derived from repository, tag and a version number per tag, so that any tag exists.
// A repository's name says what its images hold: library/app-64m-x3 = 3 random layers of 64 MiB
// (k and m; without a size: one layer of 4 KiB).
import crypto from 'node:crypto'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const CONFIG = 'application/vnd.docker.container.image.v1+json'
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const MiB = 1 << 20

/** Bytes that cannot be compressed and depend on `seed` only. */
function randomBytes(seed, size) {
  const key = crypto.createHash('sha256').update(seed).digest()
  const cipher = crypto.createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32))
  const out = Buffer.allocUnsafe(size)
  const zeros = Buffer.alloc(Math.min(MiB, size))
  for (let o = 0; o < size; o += MiB) cipher.update(zeros.subarray(0, Math.min(MiB, size - o))).copy(out, o)
  return out
}

export class Images {
  blobs = new Map()
  #manifests = new Map()
  #versions = new Map()

  #put(bytes, type) {
    const digest = `sha256:${crypto.createHash('sha256').update(bytes).digest('hex')}`
    if (!this.blobs.has(digest)) this.blobs.set(digest, { bytes, type })
    return { digest, size: bytes.length }
  }

  /** From now on the tag stands for another image. */
  bump(reference) {
    this.#versions.set(reference, (this.#versions.get(reference) ?? 0) + 1)
  }

  /** Gives the memory back; an image is made again, the same, when its tag is asked for. */
  forget() {
    this.blobs.clear()
    this.#manifests.clear()
  }

  /** The digest of the tag's manifest; its blobs are made when first asked for. */
  manifest(repository, tag) {
    const name = `${repository}:${tag}`
    const key = `${name}:${this.#versions.get(name) ?? 0}`
    if (!this.#manifests.has(key)) this.#manifests.set(key, this.#make(repository, key))
    return this.#manifests.get(key)
  }

  #make(repository, key) {
    const [, number, unit, times] = /-(\d+)([km])(?:-x(\d+))?$/.exec(repository) ?? []
    const size = number ? Number(number) * (unit === 'm' ? MiB : 1024) : 4096
    const layers = Array.from({ length: Number(times ?? 1) }, (_, i) => ({
      mediaType: LAYER,
      ...this.#put(randomBytes(`${key}:${i}`, size)),
    }))
    const rootfs = { type: 'layers', diff_ids: layers.map((layer) => layer.digest) }
    const image = { architecture: 'amd64', os: 'linux', config: { Labels: { key } }, rootfs }
    const config = { mediaType: CONFIG, ...this.#put(Buffer.from(JSON.stringify(image))) }
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers }
    return this.#put(Buffer.from(JSON.stringify(manifest, null, 3)), MANIFEST).digest
  }
}
