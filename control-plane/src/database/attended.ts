import { Client } from 'pg'
import type { DataSource, QueryRunner } from 'typeorm'

import { ProductError } from '../http/product-error.js'
import type { Clock } from '../system/clock.js'
import { codeOf } from './unavailable.js'

/** A statement is answered within this time, or Postgres counts as away. */
export const ANSWER_MS = 5_000

/** A server whose pool is open, and the address at which it is asked beside the work. */
export interface Server {
  readonly source: DataSource
  readonly url: string
  readonly clock: Clock
}

/**
 * Runs on a connection of its own. A server may be slow, and a change may wait for another; but one that is silent, as a
 * frozen one is or one behind a cut cable, ends no statement and no connection: it is asked beside the work, and when it
 * says nothing the connection is ended, by which the work fails.
 * @throws ProductError `database-unavailable` then; else what the work throws
 */
export async function attended<T>(server: Server, run: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = await connected(server)
  const over = new AbortController()
  let silence: ProductError | undefined
  void untilSilent(server, over.signal).then(
    (found) => {
      silence = found
      abandon(runner)
    },
    () => undefined, // the work has ended
  )
  try {
    return await run(runner)
  } catch (error) {
    throw silence ?? error
  } finally {
    over.abort()
    await runner.release()
  }
}

/** @throws ProductError `database-unavailable` when it is not there in time; then nobody waits for it */
export async function answered<T>(work: Promise<T>, clock: Clock, withinMs = ANSWER_MS): Promise<T> {
  const done = new AbortController()
  const late = clock.sleep(withinMs, done.signal).then(
    () => 'late' as const,
    () => 'late' as const, // it came in time, and nobody looks
  )
  try {
    const first = await Promise.race([work.then((value) => ({ value })), late])
    if (first === 'late') throw silent()
    return first.value
  } finally {
    done.abort()
  }
}

function silent(): ProductError {
  return new ProductError('database-unavailable', { cause: `no answer within ${ANSWER_MS / 1000} s` })
}

/**
 * A connection that has answered, within the time of one answer. One that has ended in the pool, unheard, is no reason to
 * say that Postgres is away.
 */
async function connected(server: Server): Promise<QueryRunner> {
  const fromMs = server.clock.elapsedMs()
  try {
    return await connectedOnce(server, ANSWER_MS)
  } catch (error) {
    if (!hasEnded(error)) throw error
    return connectedOnce(server, Math.max(ANSWER_MS - (server.clock.elapsedMs() - fromMs), 0))
  }
}

async function connectedOnce({ source, clock }: Server, withinMs: number): Promise<QueryRunner> {
  const runner = source.createQueryRunner()
  try {
    await answered(runner.query('SELECT 1'), clock, withinMs)
    return runner
  } catch (error) {
    abandon(runner)
    throw error
  }
}

function hasEnded(error: unknown): boolean {
  return (
    /^(?:ECONNRESET|EPIPE|57P0[12])$/.test(codeOf(error)) ||
    (Error.isError(error) && /Connection (?:ended|terminated)/.test(error.message))
  )
}

/** Ends the connection, when it has one by then, whatever it waits for. */
function abandon(runner: QueryRunner): void {
  const end = async (): Promise<void> => {
    const connection: Pick<Client, 'end'> = await runner.connect()
    await Promise.allSettled([connection.end(), runner.release()])
  }
  end().catch(() => undefined) // it never had one
}

/** @throws the signal's reason */
async function untilSilent({ url, clock }: Server, signal: AbortSignal): Promise<ProductError> {
  for (;;) {
    await clock.sleep(ANSWER_MS, signal)
    try {
      await answered(anyAnswer(url), clock)
    } catch (error) {
      if (error instanceof ProductError) return error
      throw error
    }
  }
}

/** "Too many connections", or that nobody listens, is an answer too: it says nothing of the connections that there are. */
async function anyAnswer(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2 * ANSWER_MS })
  client.on('error', () => undefined) // told by connect
  try {
    await client.connect()
  } catch {
    return
  } finally {
    client.end().catch(() => undefined)
  }
}
