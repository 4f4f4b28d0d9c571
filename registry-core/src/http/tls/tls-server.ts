import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Clock } from '../../system/clock.js'
import { errorCode } from '../../store/fs.js'
import { refusePlainHttp, type Refusal } from '../parser-errors.js'
import { type FailedHandshake, failureOf } from './failed-handshake.js'
import type { Certificates } from './renewal.js'

export interface TlsServerOptions {
  readonly certificates: Certificates
  readonly clock: Clock
  /** How long a client may take until its first byte, and then until the handshake is over. */
  readonly handshakeMs: number
  /** Hears of requests in plain HTTP. */
  readonly reportRefusal: (refusal: Refusal) => void
  /** Hears of handshakes that failed. */
  readonly reportHandshake: (failed: FailedHandshake) => void
}

export interface TlsServer {
  readonly server: Server
  /** Cuts connections that are not through with their handshake: nothing was asked on them yet. */
  endHandshakes(): void
}

/**
 * An HTTPS server that looks at the first byte of each connection before TLS does: a client that speaks plain HTTP
 * reads what is wrong, instead of an alert. A handshake that hangs, or never begins, is ended.
 */
export function openTlsServer(options: ServerOptions, tls: TlsServerOptions): TlsServer {
  const { certificates, clock, handshakeMs } = tls
  const server = createServer({
    ...options,
    ...certificates.context,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeMs,
    requestCert: certificates.wantsClients,
    rejectUnauthorized: true,
  })
  server.once(
    'close',
    certificates.onRenewal((context) => server.setSecureContext(context)),
  )
  const unsettled = new Map<string, Socket>()
  const [beginHandshake] = server.listeners('connection')
  if (beginHandshake === undefined) throw new Error('this Node makes HTTPS servers in another way')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    unsettled.set(peer, socket)
    const stopTimer = clock.after(handshakeMs, () => socket.destroy())
    socket.on('error', () => undefined) // its end follows
    socket.once('close', () => {
      stopTimer()
      if (unsettled.get(peer) === socket) unsettled.delete(peer)
    })
    socket.once('readable', () => {
      stopTimer()
      const isPlain = peekIsLetter(socket)
      if (isPlain === undefined) socket.destroy()
      else if (isPlain) tls.reportRefusal(refusePlainHttp(socket, clock))
      else Reflect.apply(beginHandshake, server, [socket])
    })
  })
  server.on('secureConnection', (socket) => unsettled.delete(peerOf(socket)))
  // Not left to clientError: there is nobody yet who could read an answer.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error, socket) => {
    const failed = failureOf(errorCode(error), socket)
    socket.destroy()
    if (failed) tls.reportHandshake(failed)
  })
  return {
    server,
    endHandshakes() {
      for (const socket of unsettled.values()) socket.destroy()
    },
  }
}

/** One connection among those to a listener; the same before and after its handshake. */
function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Whether HTTP begins here, as each of its methods does; a handshake begins with 0x16. Undefined when nothing comes. */
function peekIsLetter(socket: Socket): boolean | undefined {
  const bytes: unknown = socket.read()
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) return undefined
  socket.unshift(bytes)
  const first = bytes.readUInt8(0)
  return first >= 0x41 && first <= 0x5a
}
