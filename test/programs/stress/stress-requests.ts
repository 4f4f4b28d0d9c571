import { appendFileSync, readFileSync } from 'node:fs'

import { eventually } from '../../support/eventually.js'
import { type Content, digestOf } from '../../support/images.js'
import {
  type Answer,
  EVERY_MANIFEST_TYPE,
  expectStatus,
  locationOf,
  RegistryClient,
  withDigest,
} from '../../support/registry-client.js'
import { type ClientOrders, type Entry, nowMs } from './history.js'

/** Where the blobs lie that everybody pushes, deletes and mounts. */
const SHARED = 'stress/shared'

/** No answer came: the registry was killed. */
export class ConnectionBroke extends Error {}

type Change = Pick<Entry, 'register' | 'kind' | 'value'>

/** The requests of a stress client; each goes to one of the processes by chance, and into the history. */
export class StressRequests {
  readonly #orders: ClientOrders
  #clients: readonly RegistryClient[]
  readonly #chance: () => number
  #unwritten: Entry[] = []
  count = 0
  /** Digests that came whole. */
  readonly pulled = new Set<string>()

  constructor(orders: ClientOrders, chance: () => number) {
    this.#orders = orders
    this.#clients = openClients(orders.registriesFile)
    this.#chance = chance
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  /** Waits until every process answers again; a killed one comes back under another URL. */
  async untilServed(): Promise<void> {
    await eventually('the registries serve again', async () => {
      await this.close()
      this.#clients = openClients(this.#orders.registriesFile)
      try {
        const answers = await Promise.all(this.#clients.map((client) => client.get('/v2/')))
        return answers.every(({ status }) => status === 200)
      } catch {
        return false
      }
    })
  }

  writeHistory(): void {
    const lines = this.#unwritten.map((entry) => `${JSON.stringify(entry)}\n`)
    this.#unwritten = []
    if (lines.length > 0) appendFileSync(this.#orders.historyFile, lines.join(''))
  }

  /** One request to any of the processes. @throws ConnectionBroke */
  async #ask(request: (client: RegistryClient) => Promise<Answer>): Promise<Answer> {
    const client = this.#clients[Math.floor(this.#chance() * this.#clients.length)]
    if (client === undefined) throw new Error('no registry to ask')
    this.count += 1
    try {
      return await request(client)
    } catch (cause) {
      throw new ConnectionBroke('no answer came', { cause })
    }
  }

  /** A request whose answer says what it did to some registers. */
  async #change(
    request: (client: RegistryClient) => Promise<Answer>,
    attempted: readonly Change[],
    meaning: (answer: Answer) => readonly Change[],
  ): Promise<Answer> {
    const startMs = nowMs()
    try {
      const answer = await this.#ask(request)
      const endMs = nowMs()
      this.#unwritten.push(...meaning(answer).map((change) => ({ ...change, startMs, endMs })))
      return answer
    } catch (error) {
      const endMs = nowMs()
      this.#unwritten.push(...attempted.map((change) => ({ ...change, startMs, endMs, isUnanswered: true })))
      throw error
    }
  }

  async pushBlob(repository: string, { bytes, descriptor }: Content): Promise<void> {
    const started = await this.#ask((client) => client.post(`/v2/${repository}/blobs/uploads/`))
    let location = locationOf(expectStatus(started, 202))
    const pieces = Math.floor(this.#chance() * 4)
    const pieceBytes = Math.max(1, Math.ceil(bytes.length / Math.max(1, pieces)))
    for (let at = 0; pieces > 0 && at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes)
      const range = { 'content-range': `${at}-${at + piece.length - 1}` }
      const answer = await this.#ask((client) => client.patch(location, piece, range))
      location = locationOf(expectStatus(answer, 202))
    }
    const closing = withDigest(location, descriptor.digest)
    expectStatus(await this.#ask((client) => client.put(closing, pieces === 0 ? bytes : '')), 201)
  }

  /** Answers whether the blob was mounted; else it was uploaded. */
  async mount(repository: string, blob: Content): Promise<boolean> {
    const query = `mount=${blob.descriptor.digest}&from=${SHARED}`
    const answer = await this.#ask((client) => client.post(`/v2/${repository}/blobs/uploads/?${query}`))
    if (expectStatus(answer, 201, 202).status === 202) {
      const closing = withDigest(locationOf(answer), blob.descriptor.digest)
      expectStatus(await this.#ask((client) => client.put(closing, blob.bytes)), 201)
    }
    const target = `/v2/${repository}/blobs/${blob.descriptor.digest}`
    expectStatus(await this.#ask((client) => client.head(target)), 200)
    return answer.status === 201
  }

  async pushShared(blob: Content): Promise<void> {
    const register = `${SHARED}@${blob.descriptor.digest}`
    const write: Change = { register, kind: 'write', value: 'here' }
    const target = `/v2/${SHARED}/blobs/uploads/?digest=${blob.descriptor.digest}`
    const push = (client: RegistryClient): Promise<Answer> =>
      client.post(target, blob.bytes, { 'content-type': 'application/octet-stream' })
    await this.#change(push, [write], (answer) => (expectStatus(answer, 201), [write]))
  }

  async deleteShared(blob: Content): Promise<void> {
    const register = `${SHARED}@${blob.descriptor.digest}`
    const target = `/v2/${SHARED}/blobs/${blob.descriptor.digest}`
    const removal: Change = { register, kind: 'delete' }
    await this.#change(
      (client) => client.delete(target),
      [removal],
      (answer) => [expectStatus(answer, 202, 404).status === 202 ? removal : { register, kind: 'read' }],
    )
  }

  async pushManifest(repository: string, manifest: Content, tag: string | undefined): Promise<void> {
    const { digest } = manifest.descriptor
    const writes: Change[] = [{ register: `${repository}@${digest}`, kind: 'write', value: 'here' }]
    if (tag !== undefined) writes.push({ register: `${repository}:${tag}`, kind: 'write', value: digest })
    await this.#change(
      (client) => client.putManifest(repository, tag ?? digest, manifest),
      writes,
      (answer) => (expectStatus(answer, 201), writes),
    )
  }

  async deleteTag(repository: string, tag: string): Promise<void> {
    const register = `${repository}:${tag}`
    const removal: Change = { register, kind: 'delete' }
    await this.#change(
      (client) => client.delete(`/v2/${repository}/manifests/${tag}`),
      [removal],
      (answer) => [expectStatus(answer, 202, 404).status === 202 ? removal : { register, kind: 'read' }],
    )
  }

  /** Takes every tag with it that stands for this digest. */
  async deleteManifest(repository: string, { descriptor: { digest } }: Content): Promise<void> {
    const register = `${repository}@${digest}`
    const tags = this.#orders.tags.map(
      (tag): Change => ({ register: `${repository}:${tag}`, kind: 'delete-if', value: digest }),
    )
    await this.#change(
      (client) => client.delete(`/v2/${repository}/manifests/${digest}`),
      [{ register, kind: 'delete' }, ...tags],
      (answer) => {
        const wasThere = expectStatus(answer, 202, 404).status === 202
        return [wasThere ? { register, kind: 'delete' } : { register, kind: 'read' }, ...tags]
      },
    )
  }

  async pullByDigest(repository: string, { descriptor: { digest } }: Content): Promise<void> {
    const register = `${repository}@${digest}`
    await this.#change(
      (client) => client.get(`/v2/${repository}/manifests/${digest}`, { accept: EVERY_MANIFEST_TYPE }),
      [],
      (answer) => [{ register, kind: 'read', value: held(answer) === undefined ? undefined : 'here' }],
    )
  }

  /** Answers whether there was something, and all of it. Throws when a part is missing. */
  async pullTag(repository: string, tag: string, withBlobs: boolean): Promise<boolean> {
    const answer = await this.#change(
      (client) => client.get(`/v2/${repository}/manifests/${tag}`, { accept: EVERY_MANIFEST_TYPE }),
      [],
      (one) => [{ register: `${repository}:${tag}`, kind: 'read', value: held(one) }],
    )
    if (answer.status === 404 || !withBlobs) return false
    this.pulled.add(digestOf(answer.body))
    await this.#pullParts(repository, answer.body)
    return true
  }

  async #pullParts(repository: string, manifest: Buffer): Promise<void> {
    const { config, layers, manifests } = JSON.parse(manifest.toString()) as ManifestJson
    for (const { digest } of [...(config ? [config] : []), ...(layers ?? [])])
      await this.#pullWhole(`/v2/${repository}/blobs/${digest}`, digest)
    for (const { digest } of manifests ?? []) {
      const child = await this.#pullWhole(`/v2/${repository}/manifests/${digest}`, digest)
      await this.#pullParts(repository, child)
    }
  }

  async #pullWhole(target: string, digest: string): Promise<Buffer> {
    const answer = await this.#ask((client) => client.get(target, { accept: EVERY_MANIFEST_TYPE }))
    const { body } = expectStatus(answer, 200)
    if (digestOf(body) !== digest) throw new Error(`${target} answered bytes of ${digestOf(body)}`)
    this.pulled.add(digest)
    return body
  }
}

function openClients(registriesFile: string): readonly RegistryClient[] {
  const urls = JSON.parse(readFileSync(registriesFile, 'utf8')) as readonly string[]
  return urls.map((url) => new RegistryClient(url))
}

interface ManifestJson {
  readonly config?: { readonly digest: string }
  readonly layers?: readonly { readonly digest: string }[]
  readonly manifests?: readonly { readonly digest: string }[]
}

/** The digest of the manifest that came, undefined when there is none. Throws when it is not what its header says. */
function held(answer: Answer): string | undefined {
  if (expectStatus(answer, 200, 404).status === 404) return undefined
  const digest = digestOf(answer.body)
  if (answer.header('docker-content-digest') !== digest)
    throw new Error(`${answer.call.target} answered bytes of ${digest} under another digest`)
  return digest
}
