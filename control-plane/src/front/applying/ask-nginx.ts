import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { TLSSocket } from 'node:tls'
import type { FrontSettings, Listener } from '@entrepot/front'

import { dialledAddress } from '../../system/addresses.js'
import { askOverSocket } from '../../system/ask-over-socket.js'

/** What a listener must answer through a new configuration before it is kept. */
export interface Probe {
  /** An address that can be dialled. */
  readonly address: string
  readonly port: number
  readonly path: string
  /** The file whose first certificate the handshake must show; plain HTTP when missing. */
  readonly certificate?: string
  /** What may be answered; anything when missing. */
  readonly statuses?: readonly number[]
  /** Whether the core answers it: not asked for its status while there is none. */
  readonly isCores: boolean
}

/** The core may want a login, let nobody in, or be unwell already: all come from it, through nginx. */
const CORES_ANSWERS = [200, 401, 403, 503]
/** Under this name the box asks its own listeners; neither core nor control plane logs what it asks. */
export const PROBE = 'entrepot-probe'

/** Every listener of a front: its handshake, and an answer. */
export function probesOf({ listeners }: Pick<FrontSettings, 'listeners'>): readonly Probe[] {
  return listeners.flatMap((listener): readonly Probe[] => {
    const place = { address: dialledAddress(listener.address), port: listener.port }
    return questionsOf(listener).map((question) => ({ ...place, ...question }))
  })
}

function questionsOf(listener: Listener): readonly Omit<Probe, 'address' | 'port'>[] {
  switch (listener.kind) {
    case 'http':
      return ['/v2/', '/healthz'].map((path) => ({ path, statuses: CORES_ANSWERS, isCores: true }))
    case 'tls':
      return [{ path: '/v2/', certificate: listener.certificate, statuses: CORES_ANSWERS, isCores: true }]
    case 'admin': // whoever applies may not serve yet
      return [{ path: '/api/v1/health', certificate: listener.certificate, isCores: false }]
    case 'authority':
      return [{ path: '/ca.pem', statuses: [200], isCores: false }]
    case 'challenge':
      return [{ path: '/.well-known/acme-challenge/entrepot-probe', statuses: [404], isCores: false }]
  }
}

/** Asks once. `undefined` when all is as it should be, else what is not. */
export async function probeOnce(
  probe: Probe,
  { hasCore, signal }: { readonly hasCore: boolean; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const { address, port, path, certificate, statuses } = probe
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`
  try {
    const wanted = certificate === undefined ? undefined : await fingerprintOf(certificate)
    const { status, fingerprint } = await ask(probe, signal)
    if (fingerprint !== wanted)
      return `${place} shows the certificate ${fingerprint ?? 'of nobody'}, not ${wanted ?? 'none'} (${certificate})`
    const isExpected = statuses === undefined || statuses.includes(status) || (probe.isCores && !hasCore)
    return isExpected ? undefined : `${place} answers ${path} with ${status}`
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error)
    return `${place} does not answer ${path}: ${why}`
  }
}

async function fingerprintOf(certificate: string): Promise<string> {
  return new X509Certificate(await readFile(certificate)).fingerprint256
}

interface Answer {
  readonly status: number
  readonly fingerprint: string | undefined
}

/** On a connection of its own; whom it trusts is decided by the fingerprint, which is more than a name. */
function ask({ address, port, path, certificate }: Probe, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const headers = { 'user-agent': PROBE, connection: 'close', host: 'localhost' }
  const options = { host: address, port, path, headers, signal, agent: false } as const
  const answered = (response: http.IncomingMessage): void => {
    const { socket } = response
    const fingerprint = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : undefined
    response.resume()
    resolve({ status: response.statusCode ?? 0, fingerprint })
  }
  const asked =
    certificate === undefined
      ? http.get(options, answered)
      : https.get({ ...options, rejectUnauthorized: false, servername: 'localhost' }, answered)
  asked.on('error', reject)
  return promise
}

/** Which generation nginx runs, by its own word; `undefined` when it says nothing. */
export async function runningGeneration(
  generationSocket: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await askOverSocket(generationSocket, { path: '/', signal }))?.text
  } catch {
    return undefined
  }
}
