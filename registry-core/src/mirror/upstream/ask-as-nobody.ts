import type { RepositoryName } from '../../oci/repository.js'
import type { Client } from './client.js'
import { isUpstreamFailure, TROUBLES } from './upstream-failure.js'
import { discard } from './wire.js'

/** Whether an upstream gives a repository to everybody: it is asked for one of its tags. */
export async function askAsNobody(
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
    if (isUpstreamFailure(error) && TROUBLES[error.trouble].isRefusal) return false
    throw error
  }
}
