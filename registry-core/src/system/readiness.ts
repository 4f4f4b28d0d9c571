/** What hinders a part, as `/readyz` says it. */
export interface Hindrance {
  /** `failing`: do not send requests here; `warning`: serves, but somebody should look. */
  readonly level: 'failing' | 'warning'
  /** A sentence for a person. */
  readonly cause: string
}

/** Asks each part, when it is asked itself, what hinders it now. */
export interface Readiness {
  hindrances(): readonly Hindrance[]
}

/** The parts' states as one. */
export function openReadiness(parts: readonly (() => readonly Hindrance[])[]): Readiness {
  return { hindrances: () => parts.flatMap((part) => part()) }
}
