import { get, type IncomingMessage, type RequestOptions } from 'node:http'
import { get as getByTls } from 'node:https'
import type { ListenAddress, TlsSettings } from '../config/settings.js'

/** Longer than a live process ever needs, shorter than whoever watches it waits. */
const PATIENCE_MS = 4000

/** Asks a listener of this machine for /healthz: `alive`, or what came instead. */
export function askHealth(address: ListenAddress, tls: TlsSettings | undefined): Promise<string> {
  return new Promise((resolve) => {
    const isTls = tls !== undefined && address.kind === 'tcp'
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const options = { ...targetOf(address), path: '/healthz', agent: false, signal } as const
    const hear = (answer: IncomingMessage): void => {
      answer.resume()
      resolve(answer.statusCode === 200 ? 'alive' : `it answers ${answer.statusCode}`)
    }
    // Its certificate is for names that clients use, not for this one.
    const request = isTls ? getByTls({ ...options, rejectUnauthorized: false }, hear) : get(options, hear)
    // Where clients must show a certificate, and none is at hand, the handshake is the sign of life.
    if (isTls && tls.clientCas.length > 0)
      request.on('socket', (socket) => socket.once('secureConnect', () => resolve('alive')))
    request.on('error', (error) =>
      resolve(signal.aborted ? `no answer in ${PATIENCE_MS / 1000} s` : error.message),
    )
  })
}

/** Asks an operator's listener for something; the text, or why there is none. */
export function askOperator(
  address: ListenAddress,
  path: string,
): Promise<{ readonly text: string } | { readonly why: string }> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const request = get({ ...targetOf(address), path, agent: false, signal }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('error', (error) => resolve({ why: error.message }))
      answer.on('end', () => {
        const text = Buffer.concat(pieces).toString()
        resolve(answer.statusCode === 200 ? { text } : { why: `it answers ${answer.statusCode}` })
      })
    })
    request.on('error', (error) =>
      resolve({ why: signal.aborted ? `no answer in ${PATIENCE_MS / 1000} s` : error.message }),
    )
  })
}

function targetOf(address: ListenAddress): RequestOptions {
  if (address.kind === 'unix') return { socketPath: address.path }
  const { host, port } = address
  const isEverywhere = host === undefined || host === '0.0.0.0' || host === '::' || host === '[::]'
  return { host: isEverywhere ? 'localhost' : host, port }
}
