import type { TLSSocket } from 'node:tls'

/** A client that did not get through, and why as far as it is known. */
export interface FailedHandshake {
  /** Empty when the connection was gone before anybody could ask. */
  readonly remoteAddress: string
  readonly code: string
  readonly why: string
}

/** In words what OpenSSL says of clients that do not fit to the settings; everything else has its code only. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    'the client showed no certificate, and http.tls.clientcas wants one',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the client does not know the authority of this certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the client refuses this certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client says that this certificate has expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the client refuses this certificate',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client speaks only versions of TLS below http.tls.minimumtls',
  ERR_SSL_VERSION_TOO_LOW: 'the client speaks only versions of TLS below http.tls.minimumtls',
  ERR_SSL_NO_SHARED_CIPHER: 'the client speaks none of http.tls.ciphersuites',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the client wants another protocol than HTTP/1.1',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the handshake took too long',
}

/** Undefined for a client that merely left, as port scans and the probes of load balancers do. */
export function failureOf(code = 'unknown', socket: TLSSocket): FailedHandshake | undefined {
  const { remoteAddress = '' } = socket
  // Set by Node before it cuts the connection, whatever its type says.
  const refusal: unknown = Reflect.get(socket, 'authorizationError')
  if (typeof refusal === 'string')
    return { remoteAddress, code: refusal, why: `the client's certificate was refused (${refusal})` }
  if (code === 'ECONNRESET') return undefined
  return { remoteAddress, code, why: REASONS[code] ?? 'the handshake failed' }
}
