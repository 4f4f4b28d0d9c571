import { errorCode } from '../../store/fs.js'
import { isUpstreamFailure, UpstreamFailure, type UpstreamTrouble } from './upstream-failure.js'

/** What an error on the way to an answer means. What is none of the network's is a bug, and passes. */
export function connectionFailure(error: unknown, url: URL, proxy: URL | undefined): unknown {
  if (isUpstreamFailure(error)) return error
  const code = codeIn(error)
  if (code === undefined) return error
  const way = proxy === undefined ? url.host : `${url.host}, asked through the proxy ${proxy.host},`
  const [trouble, what] =
    CONNECTING.get(code) ?? tlsTrouble(code, error, url) ?? proxyTrouble(error, proxy) ?? notHttp(code)
  return new UpstreamFailure(trouble, `${way} ${what ?? `cannot be had (${code})`}`, { cause: error })
}

/** What an error in the middle of a body means. */
export function bodyFailure(error: unknown, url: URL): unknown {
  if (isUpstreamFailure(error)) return error
  const code = codeIn(error)
  if (code === undefined) return error
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return new UpstreamFailure('timeout', `${url.host} began to answer and fell silent`, { cause: error })
  const what =
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
      ? 'sent another length than it announced'
      : `broke off in the middle of its answer (${code})`
  return new UpstreamFailure('cut', `${url.host} ${what}`, { cause: error })
}

const CONNECTING: ReadonlyMap<string, readonly [UpstreamTrouble, string]> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', ['timeout', 'takes no connection: it did not answer in time']],
  ['ETIMEDOUT', ['timeout', 'takes no connection: it did not answer in time']],
  ['UND_ERR_HEADERS_TIMEOUT', ['timeout', 'took the request and did not answer in time']],
  ['ECONNREFUSED', ['unreachable', 'refuses the connection: nothing serves at that port']],
  ['EHOSTUNREACH', ['unreachable', 'cannot be reached: there is no route to it']],
  ['ENETUNREACH', ['unreachable', 'cannot be reached: there is no route to its network']],
  ['ECONNRESET', ['unreachable', 'reset the connection']],
  ['EPIPE', ['unreachable', 'closed the connection']],
  ['UND_ERR_SOCKET', ['unreachable', 'closed the connection before it answered']],
  ['UND_ERR_PRX_CONN', ['unreachable', 'cannot be reached: the proxy closed the connection']],
  ['UND_ERR_PRX_TLS', ['tls', "cannot be reached: the proxy's certificate is for another name"]],
  ['UND_ERR_HEADERS_OVERFLOW', ['wrong-content', 'sends more headers than any registry does']],
])

const CERTIFICATES: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'has a certificate that has expired: it must be renewed there'],
  [
    'CERT_NOT_YET_VALID',
    "has a certificate that is not valid yet: look at the clocks, this machine's and its own",
  ],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'has a certificate for another name: look at urls'],
  ...[
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  ].map(
    (code) =>
      [
        code,
        'has a certificate of an authority that is not known here: set ca: to the file of that authority',
      ] as const,
  ),
])

function tlsTrouble(code: string, error: unknown, url: URL): readonly [UpstreamTrouble, string] | undefined {
  const what = CERTIFICATES.get(code)
  if (what !== undefined) return ['tls', `${what} (${code})`]
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) {
    const isPlain = code.includes('WRONG_VERSION') || code.includes('PACKET_LENGTH') || isPlainAnswer(error)
    return [
      'tls',
      isPlain
        ? `does not speak TLS (${code}): should its url begin with http:?`
        : `failed in the TLS handshake (${code})`,
    ]
  }
  return code.startsWith('CERT_') || code.includes('_CERT')
    ? ['tls', `has a certificate that does not verify for ${url.hostname} (${code})`]
    : undefined
}

function isPlainAnswer(error: unknown): boolean {
  return Error.isError(error) && /wrong version number|packet length too long/i.test(error.message)
}

function proxyTrouble(
  error: unknown,
  proxy: URL | undefined,
): readonly [UpstreamTrouble, string] | undefined {
  if (proxy === undefined || !Error.isError(error)) return undefined
  const status = /Proxy response \((\d+)\)/.exec(error.message)?.[1] ?? /\((407)\)/.exec(error.message)?.[1]
  if (status === undefined) return undefined
  return [
    'unreachable',
    status === '407'
      ? 'cannot be reached: the proxy wants a user and a password, which belong into its URL'
      : `cannot be reached: the proxy answered ${status}`,
  ]
}

function notHttp(code: string): readonly [UpstreamTrouble, string | undefined] {
  return code.startsWith('HPE_')
    ? ['unreachable', `answers with what is not HTTP (${code}): should its url begin with https:?`]
    : ['unreachable', undefined]
}

/** Of several addresses that failed, the first one's: they mostly fail alike. */
function codeIn(error: unknown): string | undefined {
  const own = errorCode(error)
  if (own !== undefined || !Error.isError(error)) return own
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'
  return 'errors' in error && Array.isArray(error.errors) ? errorCode(error.errors[0]) : undefined
}
