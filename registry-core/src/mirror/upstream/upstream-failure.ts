/** Why an upstream did not give what it was asked for: a closed list; what follows stands in the table below. */
export type UpstreamTrouble =
  /** The name has no address, or the resolver did not answer. */
  | 'dns'
  /** No connection: refused, reset, no route, or the proxy said no. */
  | 'unreachable'
  /** An address that may not be dialled (mirror/upstream/address-guard.ts). */
  | 'forbidden-address'
  /** The certificate, or the handshake. */
  | 'tls'
  /** Connecting, waiting for headers, between two pieces of a body; 408. */
  | 'timeout'
  /** 401, or no token to be had. */
  | 'unauthorized'
  /** 403, and whatever else of 4xx has no word of its own: it does not take the request. */
  | 'denied'
  /** 404 and 410: it has no such thing. */
  | 'missing'
  /** 429. */
  | 'rate-limited'
  /** 5xx. */
  | 'failing'
  /** A redirect that is not followed: too many, to http, without a host. */
  | 'redirect'
  /** A body that is cut, too long, or a length that lies. */
  | 'cut'
  /** It was not asked: it has failed lately, and rests (mirror/watched/breaker.ts), or is asked too much already. */
  | 'resting'
  /** It is asked no more: this process ends, or its settings have changed. */
  | 'closing'
  /** It was asked, and nobody waits for it any more: our doing, not its. */
  | 'given-up'
  /** Bytes that do not have their digest, a page where a manifest belongs, a status that answers no such question. */
  | 'wrong-content'

/** What follows from one trouble. What is cached is served whatever it is, with a `Warning`. */
export interface Consequences {
  /** What people read; the upstream's name stands before it. */
  readonly says: string
  /** For what is not cached. Never 429: clients would wait for minutes, or try again and again (clients.md §7). */
  readonly notCached: 404 | 'whenMissing'
  /**
   * `counts`: twice in a row, and the upstream is left alone for a while; `with-retry-after`: only when it says for how
   * long. `answers`: it is up, whatever it said. `neutral`: that says nothing of it.
   */
  readonly breaker: 'counts' | 'with-retry-after' | 'answers' | 'neutral'
  /** The same question is not asked again for some seconds (mirror/questions/refusals.ts); of blobs, `isRefusal` says so. */
  readonly isRemembered: boolean
  /** Of something that is cached it is noted that the upstream has it no more; nothing is ever deleted for it. */
  readonly isGone: boolean
  /** Another of the upstream's URLs may do better; else it is the upstream's answer. */
  readonly goesOnElsewhere: boolean
  /** A download that has begun asks for the rest after a pause. */
  readonly isRetried: boolean
  /**
   * It has it not, or not for us: without an account, the repository is not for everybody; of a blob that no manifest
   * names, it is not asked again for some seconds.
   */
  readonly isRefusal: boolean
  /** What is only the client's business, or ours, is not. */
  readonly isLogged: boolean
}

const DOWN = {
  notCached: 'whenMissing',
  breaker: 'counts',
  isRemembered: false,
  isGone: false,
  goesOnElsewhere: true,
  isRetried: true,
  isRefusal: false,
  isLogged: true,
} as const
const REFUSES = {
  notCached: 'whenMissing',
  breaker: 'answers',
  isRemembered: true,
  isGone: false,
  goesOnElsewhere: false,
  isRetried: false,
  isRefusal: true,
  isLogged: true,
} as const
/** It answers, and the answer is of no use. */
const USELESS = { ...REFUSES, goesOnElsewhere: true, isRefusal: false } as const
/** That is our doing, not its. */
const OURS = {
  notCached: 'whenMissing',
  breaker: 'neutral',
  isRemembered: false,
  isGone: false,
  goesOnElsewhere: false,
  isRetried: false,
  isRefusal: false,
  isLogged: false,
} as const

/**
 * The only table of what a trouble means. docs/reference/upstream-outages.md shows `says`, `isGone`, `notCached`, `breaker`
 * and `isRemembered`; the rest is about how we go on asking.
 */
export const TROUBLES: { readonly [T in UpstreamTrouble]: Consequences } = {
  dns: { ...DOWN, says: 'has no address, or the resolver does not answer' },
  unreachable: { ...DOWN, says: 'cannot be reached' },
  'forbidden-address': { ...USELESS, says: 'has an address that may not be dialled', breaker: 'neutral' },
  tls: { ...DOWN, says: 'has no certificate that is trusted here, or the handshake failed' },
  timeout: { ...DOWN, says: 'does not answer in time' },
  unauthorized: { ...REFUSES, says: 'wants other credentials than we have, or has no such repository' },
  denied: { ...REFUSES, says: 'forbids it' },
  missing: { ...REFUSES, says: 'has no such thing', notCached: 404, isGone: true, isLogged: false },
  'rate-limited': { ...USELESS, says: 'has had too many requests from here', breaker: 'with-retry-after' },
  failing: { ...DOWN, says: 'answers with an error' },
  redirect: { ...USELESS, says: 'sends us where we do not go' },
  cut: { ...USELESS, says: 'broke off in the middle', isRemembered: false, isRetried: true },
  resting: { ...OURS, says: 'is not asked at the moment, since it failed or had too many requests lately' },
  closing: {
    ...OURS,
    says: 'is not asked any more, since this registry stops or has other settings now',
  },
  'given-up': { ...OURS, says: 'was asked for it until nobody waited any more' },
  'wrong-content': { ...USELESS, says: 'sent something else than what was asked for' },
}

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
