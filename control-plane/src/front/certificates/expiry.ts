const DAY_MS = 24 * 60 * 60 * 1000
/** A month to ask a company's PKI for the next one. */
const WARN_DAYS = 30

/** What to do about a certificate's end, for health and metrics. `days` are those left, less than 0 when it is over. */
export type Expiry =
  | { readonly state: 'fine'; readonly days: number }
  /** A third of its life is left: the box makes the next one by itself if it can. */
  | { readonly state: 'renew'; readonly days: number }
  /** So near that whoever renews it, a person or the box, has not done it. */
  | { readonly state: 'warn'; readonly days: number }
  | { readonly state: 'expired'; readonly days: number }

/** The two dates of a certificate. */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** When one of its issuers ends before it does: from then on clients refuse the chain. */
  readonly chainEnd?: Date
}

/**
 * How a certificate stands at a time. One that is not valid yet is `warn`: clients refuse it, and either this
 * machine's clock is wrong or the one that it was issued by.
 */
export function expiryOf({ notBefore, notAfter, chainEnd }: Validity, now: Date): Expiry {
  const leftMs = (chainEnd ?? notAfter).getTime() - now.getTime()
  const lifeMs = notAfter.getTime() - notBefore.getTime()
  const days = Math.floor(leftMs / DAY_MS)
  if (leftMs < 0) return { state: 'expired', days }
  if (now < notBefore) return { state: 'warn', days }
  // Short lives (ACME has some of six days) are renewed at a third, so that nobody is warned before it was tried.
  if (leftMs < Math.min(WARN_DAYS * DAY_MS, lifeMs / 6)) return { state: 'warn', days }
  return { state: leftMs <= lifeMs / 3 ? 'renew' : 'fine', days }
}
