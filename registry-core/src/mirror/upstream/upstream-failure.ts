/**
 * Why an upstream did not give what it was asked for: a closed list. What a client is answered then stands in
 * mirror/outage.ts.
 */
export type UpstreamTrouble =
  /** The name has no address, or the resolver did not answer. */
  | 'dns'
  /** No connection: refused, reset, no route, or the proxy said no. */
  | 'unreachable'
  /** An address that may not be dialled (mirror/upstream/address-guard.ts). */
  | 'forbidden-address'
  /** The certificate, or the handshake. */
  | 'tls'
  /** Connecting, waiting for headers, or between two pieces of a body. */
  | 'timeout'
  /** 401, or no token to be had. */
  | 'unauthorized'
  /** 403. */
  | 'denied'
  /** 404: it has no such thing. */
  | 'missing'
  /** 429. */
  | 'rate-limited'
  /** 5xx. */
  | 'failing'
  /** A redirect that is not followed: too many, to http, without a host. */
  | 'redirect'
  /** A body that is cut, too long, or a length that lies. */
  | 'cut'
  /** It was not asked: it has failed lately, and rests (mirror/breaker.ts). */
  | 'resting'
  /** It is asked no more: this process ends, or its settings have changed. */
  | 'closing'
  /** It was asked, and nobody waits for it any more: our doing, not its. */
  | 'given-up'
  /** Bytes that do not have their digest, or a page where a manifest belongs. */
  | 'wrong-content'

/** @see UpstreamTrouble */
export class UpstreamFailure extends Error {
  readonly trouble: UpstreamTrouble
  /** The upstream's status, where it answered. */
  readonly status: number | undefined
  /** How long it asks to be left alone (`Retry-After`). */
  readonly retryAfterMs: number | undefined

  /** @param sentence what happened, where, and the cure where there is one; never a secret */
  constructor(
    trouble: UpstreamTrouble,
    sentence: string,
    details: {
      readonly status?: number | undefined
      readonly retryAfterMs?: number | undefined
      readonly cause?: unknown
    } = {},
  ) {
    super(sentence, { cause: details.cause })
    this.name = 'UpstreamFailure'
    this.trouble = trouble
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }
}

export function isUpstreamFailure(error: unknown): error is UpstreamFailure {
  return error instanceof UpstreamFailure
}
