import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'

import { digestOf } from '../support/images.js'
import { withDigest } from '../support/registry-client.js'
import type { RunningBox } from './running-box.js'
import { Traffic } from './traffic.js'

const MIB = 1024 * 1024
const PIECE_BYTES = 16 * 1024
/** Each of so many changes is one of nginx, which reloads it. */
const NGINX_EVERY = 50

/** What came of many changes under load. */
export interface Changed {
  /** What was answered with other than success, admins and clients alike. */
  readonly failures: readonly string[]
  readonly pushed: number
  /** Whether a pull and a push that had begun before the first change ended whole after the last one. */
  readonly slowPull: boolean
  readonly slowPush: boolean
  readonly seconds: number
}

/** Makes changes of every kind, one after the other, while clients push and pull. */
export async function changeUnderTraffic(box: RunningBox, changes: number): Promise<Changed> {
  const pace = new Pace()
  const [pull, push] = [await beginPull(box, pace), await beginPush(box, pace)]
  const traffic = Traffic.start(box, 'changes')
  await traffic.untilDone(3)
  const from = performance.now()
  const refused: string[] = []
  for (let number = 0; number < changes; number++) {
    const answer = await box.ask(...changeOf(number))
    if (answer.status >= 300)
      refused.push(`${number}: ${answer.status} ${answer.body.toString().slice(0, 300)}`)
    pace.step()
  }
  const seconds = (performance.now() - from) / 1000
  await traffic.untilDone(3)
  pace.end()
  const [slowPull, slowPush] = await Promise.all([pull(), push()])
  const pushed = await traffic.end()
  return { failures: [...refused, ...traffic.failures], pushed, slowPull, slowPush, seconds }
}

/** Accounts and upstreams come, change and go; now and then the limit of nginx is another one. */
function changeOf(number: number): Parameters<RunningBox['ask']> {
  if (number % NGINX_EVERY === NGINX_EVERY - 1)
    return ['PATCH', 'settings/nginx', { maxUploadSize: `${1000 + number}m` }]
  const each = Math.floor(number / 6)
  const [account, upstream] = [`accounts/changes-${each}`, `upstreams/changes-${each}.test`]
  const rights = (actions: readonly string[]) => ({
    rights: [{ repositories: [`changes-${each}/**`], actions }],
  })
  const kinds: readonly Parameters<RunningBox['ask']>[] = [
    ['PUT', account, rights(['pull'])],
    ['PUT', upstream, { urls: [`https://changes-${each}.test`] }],
    ['PUT', account, rights(['pull', 'push'])],
    ['PUT', upstream, { maxConnections: 3 }], // no PATCH: a change of nginx may have come in the place of the first
    ['PUT', account, rights(['pull', 'delete'])],
    ['PUT', upstream, { maxConnections: 4 }],
  ]
  return kinds[number % kinds.length] ?? ['GET', 'health']
}

/** How slow transfers go: a step with each change, and freely when all is over. */
class Pace {
  #next = Promise.withResolvers<void>()
  #isOver = false

  next(): Promise<void> {
    return this.#isOver ? Promise.resolve() : this.#next.promise
  }

  step(): void {
    const before = this.#next
    this.#next = Promise.withResolvers()
    before.resolve()
  }

  end(): void {
    this.#isOver = true
    this.step()
  }
}

/** Begins to read what is there; answers whether it came whole. */
async function beginPull(box: RunningBox, pace: Pace): Promise<() => Promise<boolean>> {
  const client = box.client('tls', box.account)
  const { digest } = await client.pushBlob('changes/slow', randomBytes(64 * MIB))
  await client.close()
  const { hostname, port } = new URL(client.baseUrl)
  const request = https.get({
    ...{
      hostname,
      port,
      path: `/v2/changes/slow/blobs/${digest}`,
      ca: readFileSync(box.caFile),
      agent: false,
    },
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  async function read(): Promise<boolean> {
    const hash = createHash('sha256')
    for await (const piece of response) {
      hash.update(piece as Buffer)
      await pace.next()
    }
    return `sha256:${hash.digest('hex')}` === digest
  }
  const reading = read()
  return () => reading
}

/** Begins to send a blob; answers whether it was taken. */
async function beginPush(box: RunningBox, pace: Pace): Promise<() => Promise<boolean>> {
  const bytes = randomBytes(32 * MIB)
  async function* slowly(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      yield bytes.subarray(from, from + PIECE_BYTES)
      await pace.next()
    }
  }
  const client = box.client('tls', box.account)
  const location = await client.startUpload('changes/slow')
  async function send(): Promise<boolean> {
    const { status } = await client.put(withDigest(location, digestOf(bytes)), slowly(), {
      'content-length': String(bytes.length),
    })
    await client.close()
    return status === 201
  }
  const sending = send()
  return () => sending
}
