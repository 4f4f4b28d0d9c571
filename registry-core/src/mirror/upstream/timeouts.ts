/** How long an upstream may be silent. */
export interface Timeouts {
  readonly connectMs: number
  readonly headersMs: number
  /** Between two pieces of a body. */
  readonly idleMs: number
  /** For a whole body that is read into memory: no manifest takes longer. */
  readonly smallBodyMs: number
}

/** Design §5: headers come within 5 s, or it counts as an outage. */
export const TIMEOUTS: Timeouts = {
  connectMs: 5000,
  headersMs: 5000,
  idleMs: 30_000,
  smallBodyMs: 60_000,
}
