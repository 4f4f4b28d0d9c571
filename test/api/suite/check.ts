import type { RawExchange, RawOptions } from '../../support/raw-http.js'
import type { RegistryClient } from '../../support/registry-client.js'
import type { Target } from '../../support/targets.js'
import type { Point } from './points.js'

/** What a check works with: one registry that runs, shared by all checks of a lane. */
export interface Subject {
  readonly target: Target
  /** Processor time that the registry has used so far. */
  readonly cpuTimeMs: () => number
  readonly client: RegistryClient
  /** A repository name that no other check uses. */
  readonly repository: () => string
  /** Sends bytes as they are over a connection of their own. */
  readonly raw: (
    request: string | Uint8Array | AsyncIterable<Uint8Array>,
    options?: RawOptions,
  ) => Promise<RawExchange>
}

/** One thing that a registry must do; its body throws when the registry does not. */
export interface Check {
  readonly covers: readonly Point[]
  /** A sentence about behaviour, unique in the suite: the lists of known failures name it. */
  readonly title: string
  readonly body: (subject: Subject) => Promise<void>
}

export function check(covers: readonly Point[], title: string, body: Check['body']): Check {
  return { covers, title, body }
}
