import type { Reloaded } from '@entrepot/registry-core/contract'

import { askOverSocket } from '../system/ask-over-socket.js'

/** What the core made of a reload; nothing when nobody listens on its socket. */
export type CoreReloaded = Reloaded | { readonly outcome: 'unreachable'; readonly why: string }

/** Has the core read its configuration anew. Rejects when it says nothing before the signal. */
export async function reloadCore(socketPath: string, signal: AbortSignal): Promise<CoreReloaded> {
  try {
    const answer = await askOverSocket(socketPath, { method: 'POST', path: '/reload', signal })
    if (answer === undefined) return { outcome: 'unreachable', why: `nobody listens on ${socketPath}` }
    return parseReloaded(answer.text)
  } catch (cause) {
    const why = Error.isError(cause) ? cause.message : String(cause)
    throw new Error(`registry-core did not answer its reload: ${why}`, { cause })
  }
}

function parseReloaded(text: string): Reloaded {
  const answer: unknown = JSON.parse(text)
  const { outcome } = { outcome: undefined, ...(answer as object) } as { readonly outcome: unknown }
  if (outcome === 'reloaded' || outcome === 'refused' || outcome === 'incomplete') return answer as Reloaded
  throw new Error(`it said ${text}`)
}
