/** What the stress program is told. */
export interface StressOrders {
  readonly seed: number
  readonly milliseconds: number
  readonly registries: number
  readonly clients: number
  /** How often one of the registries is killed and started again. */
  readonly kills: number
}

/** What it says at its end. */
export interface StressOutcome {
  readonly seed: number
  readonly kills: number
  readonly operations: number
  readonly registers: number
  readonly requests: number
  readonly pushed: number
  readonly mounted: number
  readonly deleted: number
  readonly pulledWhole: number
  readonly brokenConnections: number
  readonly markedBlobs: number
  /** Sentences; none when all is well. */
  readonly findings: readonly string[]
}
