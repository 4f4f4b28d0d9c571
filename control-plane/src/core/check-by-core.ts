import type { Checked } from '@entrepot/registry-core/contract'
import { z } from 'zod'

import { askOverSocket } from '../system/ask-over-socket.js'

/** A core that is well answers in a tenth of it. */
const ANSWER_MS = 2000
const MOST_BYTES = 1024 * 1024

const checked = z.object({ isSound: z.boolean(), said: z.string() })

/**
 * What the core that runs makes of a configuration file that it would load, in the words of its program. `undefined` when
 * there is none, an older one that does not know the question, or one that is busy, stopped or out of its mind: then the
 * program is asked.
 */
export async function checkByCore(socketPath: string, file: string): Promise<Checked | undefined> {
  try {
    const answer = await askOverSocket(socketPath, {
      path: `/check?file=${encodeURIComponent(file)}`,
      signal: AbortSignal.timeout(ANSWER_MS),
      mostBytes: MOST_BYTES,
    })
    return answer?.status === 200 ? checked.parse(JSON.parse(answer.text)) : undefined
  } catch {
    return undefined
  }
}
