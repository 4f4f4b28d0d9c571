import { EVERY_MANIFEST_TYPE, expectStatus, type RegistryClient } from '../../support/registry-client.js'
import { readIndex, readTags } from '../suite/read.js'
import { descriptorAt, type Pool, type RegistryStep } from './registry-steps.js'

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

/** What one repository has, as its clients know it. */
interface Shelf {
  readonly name: string
  readonly blobs: Set<number>
  readonly manifests: Set<number>
  readonly tags: Map<string, number>
}

type StepOf<K extends RegistryStep['kind']> = Extract<RegistryStep, { readonly kind: K }>

/** A registry in sixty lines: three sets a repository. Each step is sent, and its answer held against them. */
export class RegistryModel {
  readonly #client: RegistryClient
  readonly #pool: Pool
  readonly #shelves: readonly Shelf[]

  constructor(client: RegistryClient, pool: Pool, names: readonly string[]) {
    this.#client = client
    this.#pool = pool
    this.#shelves = names.map((name) => ({ name, blobs: new Set(), manifests: new Set(), tags: new Map() }))
  }

  async take(step: RegistryStep): Promise<void> {
    const shelf = this.#shelf(step.repository)
    switch (step.kind) {
      case 'push blob':
        await this.#client.pushBlob(shelf.name, this.#blob(step.blob))
        shelf.blobs.add(step.blob)
        return
      case 'mount blob':
        return this.#mount(shelf, step)
      case 'delete blob': {
        const isThere = shelf.blobs.delete(step.blob)
        const answer = await this.#client.delete(this.#blobTarget(shelf, step.blob))
        return void expectStatus(answer, isThere ? 202 : 404)
      }
      case 'read blob':
        return this.#readBlob(shelf, step.blob)
      case 'push':
        return this.#push(shelf, step)
      case 'delete':
        return this.#delete(shelf, step.manifest)
      case 'delete tag': {
        const isThere = shelf.tags.delete(step.tag)
        const answer = await this.#client.delete(`/v2/${shelf.name}/manifests/${step.tag}`)
        return void expectStatus(answer, isThere ? 202 : 404)
      }
      case 'read':
        return this.#read(
          shelf,
          this.#digest(step.manifest),
          shelf.manifests.has(step.manifest) ? step.manifest : undefined,
        )
      case 'read tag':
        return this.#read(shelf, step.tag, shelf.tags.get(step.tag))
      case 'list':
        return this.#list(shelf)
      case 'referrers':
        return this.#referrers(shelf, step.manifest)
    }
  }

  /** Everything, looked at from outside. */
  async finish(): Promise<void> {
    for (const repository of this.#shelves.keys()) {
      for (const blob of this.#pool.blobs.keys()) await this.take({ kind: 'read blob', repository, blob })
      for (const manifest of this.#pool.manifests.keys()) {
        await this.take({ kind: 'read', repository, manifest })
        await this.take({ kind: 'referrers', repository, manifest })
      }
      for (const tag of ['a', 'b']) await this.take({ kind: 'read tag', repository, tag })
      await this.take({ kind: 'list', repository })
    }
  }

  async #mount(shelf: Shelf, { from, blob }: StepOf<'mount blob'>): Promise<void> {
    const source = this.#shelf(from)
    const query = `mount=${this.#blob(blob).descriptor.digest}&from=${source.name}`
    const answer = await this.#client.post(`/v2/${shelf.name}/blobs/uploads/?${query}`)
    expectStatus(answer, source.blobs.has(blob) ? 201 : 202)
    if (answer.status === 201) shelf.blobs.add(blob)
  }

  async #readBlob(shelf: Shelf, blob: number): Promise<void> {
    const isThere = shelf.blobs.has(blob)
    expectStatus(await this.#client.head(this.#blobTarget(shelf, blob)), isThere ? 200 : 404)
    const answer = expectStatus(await this.#client.get(this.#blobTarget(shelf, blob)), isThere ? 200 : 404)
    if (isThere && !answer.body.equals(this.#blob(blob).bytes))
      throw new Error('other bytes than were pushed')
  }

  async #push(shelf: Shelf, { manifest, tag }: StepOf<'push'>): Promise<void> {
    const { content, blobs, children } = this.#manifest(manifest)
    const isWhole =
      blobs.every((one) => shelf.blobs.has(one)) && children.every((one) => shelf.manifests.has(one))
    const answer = await this.#client.putManifest(shelf.name, tag ?? content.descriptor.digest, content)
    expectStatus(answer, isWhole ? 201 : 400)
    if (!isWhole) return
    shelf.manifests.add(manifest)
    if (tag !== undefined) shelf.tags.set(tag, manifest)
  }

  async #delete(shelf: Shelf, manifest: number): Promise<void> {
    const isThere = shelf.manifests.delete(manifest)
    const answer = await this.#client.delete(`/v2/${shelf.name}/manifests/${this.#digest(manifest)}`)
    expectStatus(answer, isThere ? 202 : 404)
    for (const [tag, tagged] of shelf.tags) if (tagged === manifest) shelf.tags.delete(tag)
  }

  async #read(shelf: Shelf, reference: string, expected: number | undefined): Promise<void> {
    const target = `/v2/${shelf.name}/manifests/${reference}`
    const status = expected === undefined ? 404 : 200
    expectStatus(await this.#client.head(target, ACCEPT), status)
    const answer = expectStatus(await this.#client.get(target, ACCEPT), status)
    if (expected === undefined) return
    const { bytes, descriptor } = this.#manifest(expected).content
    if (!answer.body.equals(bytes)) throw new Error(`${target}: other bytes than were pushed`)
    if (answer.header('docker-content-digest') !== descriptor.digest)
      throw new Error(`${target}: another digest`)
  }

  async #list(shelf: Shelf): Promise<void> {
    const expected = [...shelf.tags.keys()].sort()
    const answer = await this.#client.get(`/v2/${shelf.name}/tags/list`)
    if (expected.length === 0 && answer.status === 404) return
    const tags = readTags(expectStatus(answer, 200))
    if (tags.join() !== expected.join()) throw new Error(`tags ${tags.join()}, not ${expected.join()}`)
  }

  async #referrers(shelf: Shelf, subject: number): Promise<void> {
    const expected = [...shelf.manifests].filter((one) => this.#manifest(one).subject === subject)
    const digests = expected.map((one) => this.#digest(one)).sort()
    const answer = await this.#client.get(`/v2/${shelf.name}/referrers/${this.#digest(subject)}`)
    const listed = readIndex(expectStatus(answer, 200).body).map(({ digest }) => digest)
    if (listed.sort().join() !== digests.join())
      throw new Error(`referrers ${listed.join()}, not ${digests.join()}`)
  }

  #shelf(position: number): Shelf {
    const shelf = this.#shelves[position]
    if (shelf === undefined) throw new Error(`there is no repository ${position}`)
    return shelf
  }

  #blob(position: number): Pool['blobs'][number] {
    const blob = this.#pool.blobs[position]
    if (blob === undefined) throw new Error(`the pool has no blob ${position}`)
    return blob
  }

  #manifest(position: number): Pool['manifests'][number] {
    const manifest = this.#pool.manifests[position]
    if (manifest === undefined) throw new Error(`the pool has no manifest ${position}`)
    return manifest
  }

  #digest(manifest: number): string {
    return descriptorAt(this.#pool, manifest).digest
  }

  #blobTarget(shelf: Shelf, blob: number): string {
    return `/v2/${shelf.name}/blobs/${this.#blob(blob).descriptor.digest}`
  }
}
