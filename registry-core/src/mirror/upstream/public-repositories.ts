import type { RepositoryName } from '../../oci/repository.js'
import type { Client } from './client.js'
import { SingleFlight } from './single-flight.js'
import { isUpstreamFailure } from './upstream-failure.js'
import { discard } from './wire.js'

/** What an upstream gives to everybody, and what only to our account (design §5, `expose`). */
export interface PublicRepositories {
  has(repository: RepositoryName, signal: AbortSignal): Promise<boolean>
}

const KNOWN_FOR_MS = 10 * 60_000
const KEPT = 10_000

interface Known {
  readonly isPublic: boolean
  readonly untilMs: number
}

/** Asked as nobody for one of its tags. What was known is kept through an outage. */
export function openPublicRepositories(client: Client, closing: AbortSignal): PublicRepositories {
  const known = new Map<string, Known>()
  const asks = new SingleFlight<boolean>()
  const { clock } = client.wire
  const keep = (repository: string, isPublic: boolean): boolean => {
    known.delete(repository)
    known.set(repository, { isPublic, untilMs: clock.elapsedMs() + KNOWN_FOR_MS })
    const [oldest] = known.keys()
    if (known.size > KEPT && oldest !== undefined) known.delete(oldest)
    return isPublic
  }
  return {
    async has(repository, signal) {
      const before = known.get(repository)
      if (before !== undefined && before.untilMs > clock.elapsedMs()) return before.isPublic
      try {
        return await asks.join(repository, signal, async () =>
          keep(repository, await askAsNobody(client, repository, closing)),
        )
      } catch (error) {
        signal.throwIfAborted()
        if (before === undefined) throw error
        return before.isPublic
      }
    },
  }
}

async function askAsNobody(
  client: Client,
  repository: RepositoryName,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await client.ask(
      { method: 'GET', repository, path: 'tags/list?n=1', isAnonymous: true, signal },
      async (answer) => {
        discard(answer)
        return true
      },
    )
  } catch (error) {
    const isRefusal =
      isUpstreamFailure(error) && ['unauthorized', 'denied', 'missing'].includes(error.trouble)
    if (isRefusal) return false
    throw error
  }
}
