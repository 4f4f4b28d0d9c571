import { get, type RequestOptions } from 'node:http'
import type { ListenAddress } from '../config/settings.js'

/** Longer than a live process ever needs, shorter than whoever watches it waits. */
const PATIENCE_MS = 4000

/** Asks a listener of this machine for /healthz: `alive`, or what came instead. */
export function askHealth(address: ListenAddress): Promise<string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const request = get({ ...targetOf(address), path: '/healthz', agent: false, signal }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200 ? 'alive' : `it answers ${answer.statusCode}`)
    })
    request.on('error', (error) =>
      resolve(signal.aborted ? `no answer in ${PATIENCE_MS / 1000} s` : error.message),
    )
  })
}

function targetOf(address: ListenAddress): RequestOptions {
  if (address.kind === 'unix') return { socketPath: address.path }
  const { host, port } = address
  const isEverywhere = host === undefined || host === '0.0.0.0' || host === '::' || host === '[::]'
  return { host: isEverywhere ? 'localhost' : host, port }
}
