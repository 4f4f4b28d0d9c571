/** Asks the parts, when it is asked itself, what hinders them now; in sentences. */
export interface Readiness {
  /** Not empty: do not send requests here. */
  failures(): readonly string[]
  /** Serving goes on, but somebody should look. */
  warnings(): readonly string[]
}

/** The parts' states as one; a part answers undefined for what is well. */
export function openReadiness(parts: {
  readonly failing: () => readonly (string | undefined)[]
  readonly warnings: () => readonly string[]
}): Readiness {
  return {
    failures: () => parts.failing().filter((cause) => cause !== undefined),
    warnings: () => parts.warnings(),
  }
}
