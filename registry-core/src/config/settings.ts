import type { AnonymousLevel } from '../access/caller.js'
import type { ListenerView } from '../views/views.js'

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** The configuration as the parts see it: every value typed, every default filled in. */
export interface Settings {
  readonly file: string
  readonly log: {
    readonly level: 'error' | 'warn' | 'info' | 'debug'
    readonly formatter: 'text' | 'json'
    readonly fields: Readonly<Record<string, string | number | boolean>>
    readonly hasAccessLog: boolean
  }
  readonly store: {
    readonly root: string
    readonly id: string | undefined
    readonly reserveBytes: number | undefined
  }
  readonly deletesOn: boolean
  readonly uploadPurging: {
    readonly isOn: boolean
    readonly ageMs: number
    readonly intervalMs: number
  }
  readonly listeners: readonly {
    readonly address: ListenAddress
    readonly view: ListenerView
    readonly anonymous: AnonymousLevel
  }[]
  /** Names and values, added to every answer. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly drainMs: number
  /** Where operators look: health, and metrics under a path. */
  readonly operations: readonly {
    readonly address: ListenAddress
    readonly metricsPath: string | undefined
  }[]
  readonly catalogLimit: number
}
