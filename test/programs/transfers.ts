// Many transfers at once, from a process of its own, so that the registry's memory can be told from the client's.
//   node transfers.js '{"baseUrl": "https://127.0.0.1:5443", "uploads": 100, "uploadBytes": 1048576, "downloads": 100,
//                       "repository": "a/b", "digest": "sha256:…", "seed": "s"}'
// Uploads are Docker's flow (POST, chunked PATCH, empty PUT) with bytes made and hashed on the way; downloads are hashed
// and compared. Prints one line of JSON: what was sent, what came, and how long it took. Any wrong answer ends it with 1.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'

interface Plan {
  readonly baseUrl: string
  readonly caFile?: string
  readonly repository: string
  readonly seed: string
  readonly uploads: number
  readonly uploadBytes: number
  readonly downloads: number
  /** What is downloaded. */
  readonly digest?: string
}

const BLOCK_BYTES = 1024 * 1024

/** Bytes that depend only on the seed, no two blocks alike, at next to no cost. */
async function* blocks(
  seed: string,
  sizeBytes: number,
  use: (block: Buffer) => void,
): AsyncGenerator<Buffer> {
  const pattern = Buffer.alloc(BLOCK_BYTES, createHash('sha512').update(seed).digest())
  for (let from = 0; from < sizeBytes; from += BLOCK_BYTES) {
    // A fresh copy: the sender may still hold the last one.
    const block = Buffer.from(pattern.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - from)))
    block.write(`${seed}:${from};`)
    use(block)
    yield block
  }
}

class Transfers {
  readonly #plan: Plan
  readonly #agent: Agent
  sentBytes = 0
  receivedBytes = 0

  constructor(plan: Plan) {
    this.#plan = plan
    const ca = plan.caFile === undefined ? {} : { ca: readFileSync(plan.caFile, 'utf8') }
    this.#agent = new Agent({ connect: ca, bodyTimeout: 0, headersTimeout: 0, allowH2: false })
  }

  async run(): Promise<void> {
    const { uploads, downloads } = this.#plan
    await Promise.all([
      ...Array.from({ length: uploads }, (_, index) => this.#upload(index)),
      ...Array.from({ length: downloads }, () => this.#download()),
    ])
    await this.#agent.close()
  }

  async #upload(index: number): Promise<void> {
    const { repository, uploadBytes, seed } = this.#plan
    const hash = createHash('sha256')
    const begun = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, 202)
    const patched = await this.#ask(
      'PATCH',
      locationOf(begun),
      202,
      blocks(`${seed}-${index}`, uploadBytes, (block) => {
        hash.update(block)
        this.sentBytes += block.length
      }),
    )
    const digest = `sha256:${hash.digest('hex')}`
    const location = locationOf(patched)
    await this.#ask('PUT', `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, 201)
    const head = await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`, 200)
    if (Number(head.headers['content-length']) !== uploadBytes) throw new Error(`${digest} has another size`)
  }

  async #download(): Promise<void> {
    const { repository, digest } = this.#plan
    const hash = createHash('sha256')
    await this.#ask('GET', `/v2/${repository}/blobs/${digest}`, 200, undefined, (chunk) => {
      hash.update(chunk)
      this.receivedBytes += chunk.length
    })
    const actual = `sha256:${hash.digest('hex')}`
    if (actual !== digest) throw new Error(`asked for ${digest}, bytes of ${actual} came`)
  }

  async #ask(
    method: Dispatcher.HttpMethod,
    path: string,
    expected: number,
    body?: AsyncIterable<Buffer>,
    use: (chunk: Buffer) => void = () => undefined,
  ): Promise<Dispatcher.ResponseData> {
    const { baseUrl } = this.#plan
    const answer = await this.#agent.request({
      origin: baseUrl,
      path: path.startsWith(baseUrl) ? path.slice(baseUrl.length) : path,
      method,
      body: body === undefined ? null : Readable.from(body, { highWaterMark: 1 }),
      headers: { 'content-type': 'application/octet-stream' },
    })
    for await (const chunk of answer.body as AsyncIterable<Buffer>) use(chunk)
    if (answer.statusCode !== expected)
      throw new Error(`${method} ${path}: ${answer.statusCode}, not ${expected}`)
    return answer
  }
}

function locationOf({ headers }: Dispatcher.ResponseData): string {
  const { location } = headers
  if (typeof location !== 'string') throw new Error('no Location')
  return location
}

const transfers = new Transfers(JSON.parse(process.argv[2] ?? '') as Plan)
const start = performance.now()
await transfers.run()
const { sentBytes, receivedBytes } = transfers
const seconds = (performance.now() - start) / 1000
process.stdout.write(`${JSON.stringify({ sentBytes, receivedBytes, seconds })}\n`)
