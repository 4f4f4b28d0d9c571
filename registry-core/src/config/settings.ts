import type { AccessSettings } from '../access/access-settings.js'
import type { Notice } from './notice.js'
import type { NotificationSettings } from '../notifications/settings.js'
import type { ListenerView } from '../views/views.js'

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** What a configuration says besides its values. */
export interface Reading {
  readonly honoured: readonly string[]
  readonly notices: readonly Notice[]
}

/** Every URL must match one of `allow`, where there are any, and none of `deny`. Without both, no URL may. */
export interface UrlRules {
  readonly allow: readonly RegExp[]
  readonly deny: readonly RegExp[]
}

/** The configuration as the parts see it: every value typed, every default filled in. */
export interface Settings {
  readonly file: string
  /** What the file holds besides values: its honoured keys, and what a person should know. */
  readonly reading: Reading
  readonly log: {
    readonly level: 'error' | 'warn' | 'info' | 'debug'
    readonly formatter: 'text' | 'json'
    readonly fields: Readonly<Record<string, string | number | boolean>>
    readonly hasAccessLog: boolean
  }
  readonly store: {
    /** Undefined: a private folder in memory. */
    readonly root: string | undefined
    readonly id: string | undefined
    readonly reserveBytes: number | undefined
  }
  readonly deletesOn: boolean
  /** Pushes and deletes are answered with 405. */
  readonly isReadOnly: boolean
  /** What URLs pushed manifests may name; undefined: any. */
  readonly manifestUrls: UrlRules | undefined
  readonly uploadPurging: {
    readonly isOn: boolean
    readonly ageMs: number
    readonly intervalMs: number
    /** Nothing is removed, the log says what would be. */
    readonly isDryRun: boolean
  }
  readonly listeners: readonly {
    readonly address: ListenAddress
    readonly view: ListenerView
  }[]
  readonly access: AccessSettings
  /** Names and values, added to every answer. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly drainMs: number
  /** Where operators look: health, and metrics under a path. */
  readonly operations: readonly {
    readonly address: ListenAddress
    readonly metricsPath: string | undefined
    /** Whoever reaches it may give orders: the control plane. */
    readonly takesOrders: boolean
  }[]
  readonly catalogLimit: number
  /** Who hears of what happens. */
  readonly notifications: NotificationSettings
}
