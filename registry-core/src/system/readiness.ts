/** What hinders a part, as `/readyz` says it. */
export interface Hindrance {
  /** `failing`: do not send requests here; `warning`: serves, but somebody should look. */
  readonly level: 'failing' | 'warning'
  /** A sentence for a person. */
  readonly cause: string
}

/** Where the parts report what hinders them, and `/readyz` reads it. */
export interface Readiness {
  /** Replaces what was reported under this key; undefined: all is well again. */
  report(key: string, hindrance: Hindrance | undefined): void
  /** What hinders now, failing first; empty when all is well. */
  hindrances(): readonly Hindrance[]
}

/** A readiness that nothing hinders yet. */
export function openReadiness(): Readiness {
  const reported = new Map<string, Hindrance>()
  return {
    report(key, hindrance) {
      if (hindrance) reported.set(key, hindrance)
      else reported.delete(key)
    },
    hindrances: () =>
      [...reported.values()].sort((a, b) => Number(b.level === 'failing') - Number(a.level === 'failing')),
  }
}
