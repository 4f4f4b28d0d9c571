import { Client } from 'undici'
import { z } from 'zod'

import { ProductError } from '../http/product-error.js'

const ANSWER_MS = 10_000

const reloaded = z.object({
  outcome: z.enum(['reloaded', 'refused', 'incomplete']),
  findings: z.array(z.string()).default([]),
  needsRestart: z.array(z.string()).default([]),
})

export type CoreReloaded = z.output<typeof reloaded>

/** The only caller of registry-core's internal socket. */
export class Core {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /** Tells the core to read its file anew. @throws ProductError `core-unavailable` */
  async reload(): Promise<CoreReloaded> {
    return reloaded.parse(await this.#ask('POST', '/reload'))
  }

  /** What the core tells of itself and its upstreams. @throws ProductError `core-unavailable` */
  status(): Promise<unknown> {
    return this.#ask('GET', '/status')
  }

  async #ask(method: 'GET' | 'POST', path: string): Promise<unknown> {
    const client = new Client('http://core', { socketPath: this.#socket, headersTimeout: ANSWER_MS })
    try {
      const { body } = await client.request({ method, path, bodyTimeout: ANSWER_MS })
      return await body.json()
    } catch (error) {
      const cause = Error.isError(error) ? error.message : String(error)
      throw new ProductError('core-unavailable', { cause }, { cause: error })
    } finally {
      await client.close()
    }
  }
}
