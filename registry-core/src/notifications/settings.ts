/** What happened, in Distribution's words. */
export const ACTIONS = ['push', 'pull', 'delete', 'mount'] as const
export type Action = (typeof ACTIONS)[number]

/** Somebody who hears of what happens; those that are disabled are left out. */
export interface EndpointSettings {
  /** For people: logs and metrics. */
  readonly name: string
  /** Tells those of equal name apart, by their order. */
  readonly nth: number
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** How long one request may take. */
  readonly timeoutMs: number
  /** After so many failures in a row each further try waits. */
  readonly threshold: number
  readonly backoffMs: number
  readonly ignoredMediaTypes: readonly string[]
  readonly ignoredActions: readonly Action[]
}

export interface NotificationSettings {
  readonly includeReferences: boolean
  readonly endpoints: readonly EndpointSettings[]
}
