import { execFile } from 'node:child_process'
import path from 'node:path'

import { z } from 'zod'

import { ProductError } from '../http/product-error.js'
import { askOverSocket } from '../system/ask-over-socket.js'

const ANSWER_MS = 10_000
/** Several addresses, each with its own time-outs. */
const CHECK_MS = 60_000
/** Each is a process. */
const CHECKS_AT_ONCE = 4

const status = z.looseObject({
  upstreams: z.array(z.looseObject({ host: z.string(), breaker: z.string(), sentence: z.string() })),
})

const checked = z.object({
  findings: z.array(z.string()),
  urls: z.array(
    z.object({
      url: z.string(),
      steps: z.array(z.object({ step: z.string(), isFine: z.boolean(), sentence: z.string() })),
    }),
  ),
})

/** The core's `GET /status`, as far as it is read here: `breaker` is a state, `sentence` says it to a person. */
export type CoreStatus = z.output<typeof status>
/** What `registry-core upstream check --json` prints: the steps of a pull, for each address of the upstream. */
export type CheckedUpstream = z.output<typeof checked>

interface CoreOptions {
  /** Its internal socket. */
  readonly socket: string
  /** Its program. */
  readonly program: string
  /** The configuration in force. */
  readonly configuration: string
}

/** registry-core, asked; reload-core.ts has it read its file anew. */
export class Core {
  readonly #options: CoreOptions
  /** Those that run: who asks for the same host waits for the same answer. */
  readonly #checks = new Map<string, Promise<CheckedUpstream>>()

  constructor(options: CoreOptions) {
    this.#options = options
  }

  /** What the core tells of itself and its upstreams. @throws ProductError `core-unavailable` */
  async status(): Promise<CoreStatus> {
    return this.#read('/status', (text) => status.parse(JSON.parse(text)))
  }

  /** In Prometheus' text format. @throws ProductError `core-unavailable` */
  async metrics(): Promise<string> {
    return this.#read('/metrics', (text) => text)
  }

  async #read<T>(place: string, read: (text: string) => T): Promise<T> {
    const { socket } = this.#options
    try {
      const signal = AbortSignal.timeout(ANSWER_MS)
      const answer = await askOverSocket(socket, { path: place, signal })
      if (answer === undefined) throw new Error(`nobody listens on ${socket}`)
      return read(answer.text)
    } catch (error) {
      throw unavailable(error)
    }
  }

  /** Goes the way of a pull to an upstream of the configuration, step by step. @throws ProductError `core-unavailable` */
  async checkUpstream(host: string): Promise<CheckedUpstream> {
    const running = this.#checks.get(host)
    if (running !== undefined) return running
    if (this.#checks.size >= CHECKS_AT_ONCE) throw unavailable(`${CHECKS_AT_ONCE} checks run already`)
    const check = this.#check(host).finally(() => this.#checks.delete(host))
    this.#checks.set(host, check)
    return check
  }

  async #check(host: string): Promise<CheckedUpstream> {
    const { program, configuration } = this.#options
    const { promise, resolve } = Promise.withResolvers<{ error: Error | null; said: string }>()
    execFile(
      process.execPath,
      [program, 'upstream', 'check', '--json', '--', host, configuration],
      { timeout: CHECK_MS, cwd: path.dirname(program), env: { PATH: process.env['PATH'] } },
      (error, stdout) => resolve({ error, said: stdout }),
    )
    const { error, said } = await promise
    try {
      return checked.parse(JSON.parse(said)) // also what is not fine: the program ends with 1 then
    } catch (cause) {
      throw unavailable(error ?? cause)
    }
  }
}

function unavailable(error: unknown): ProductError {
  const cause = Error.isError(error) ? error.message : String(error)
  return new ProductError('core-unavailable', { cause }, { cause: error })
}
