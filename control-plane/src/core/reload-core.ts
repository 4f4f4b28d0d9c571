import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Reloaded } from '@entrepot/registry-core/contract'

/** What the core made of a reload; nothing when nobody listens on its socket. */
export type CoreReloaded = Reloaded | { readonly outcome: 'unreachable'; readonly why: string }

/** Has the core read its configuration anew. Rejects when it says nothing before the signal. */
export async function reloadCore(socketPath: string, signal: AbortSignal): Promise<CoreReloaded> {
  const { promise, resolve, reject } = Promise.withResolvers<CoreReloaded>()
  const options = { socketPath, path: '/reload', method: 'POST', agent: false, signal } as const
  const asked = request(options, (response) => {
    json(response).then((answer) => resolve(parseReloaded(answer)), reject)
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')
      resolve({ outcome: 'unreachable', why: `nobody listens on ${socketPath}` })
    else reject(new Error(`registry-core did not answer its reload: ${error.message}`, { cause: error }))
  })
  asked.end()
  return promise
}

function parseReloaded(answer: unknown): Reloaded {
  const { outcome } = { outcome: undefined, ...(answer as object) } as { readonly outcome: unknown }
  if (outcome === 'reloaded' || outcome === 'refused' || outcome === 'incomplete') return answer as Reloaded
  throw new Error(`registry-core answered its reload with ${JSON.stringify(answer)}`)
}
