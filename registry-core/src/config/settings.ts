import type { AccessSettings } from '../access/access-settings.js'
import type { Notice } from './notice.js'
import type { MirrorSettings } from '../mirror/mirror-settings.js'
import type { NotificationSettings } from '../notifications/settings.js'
import type { OverlaySettings } from '../views/overlay-settings.js'
import type { ListenerView } from '../views/place.js'

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

/** How TCP listeners speak TLS. */
export interface TlsSettings {
  /** PEM: the server's own, then its issuers. */
  readonly certificate: string
  readonly key: string
  /** Not empty: clients must show a certificate of one of these authorities. */
  readonly clientCas: readonly string[]
  readonly minimumVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  /** As OpenSSL names them; its own choice when undefined. */
  readonly cipherSuites: readonly string[] | undefined
}

/** What is watched beside the registry; while one of it fails, nothing is served. */
export interface HealthSettings {
  readonly storage: Repeated | undefined
  readonly files: readonly (Repeated & { readonly file: string })[]
  readonly http: readonly (Remote & {
    readonly uri: string
    readonly headers: readonly (readonly [name: string, value: string])[]
    readonly statusCode: number
  })[]
  readonly tcp: readonly (Remote & { readonly host: string | undefined; readonly port: number })[]
}

interface Repeated {
  readonly intervalMs: number
  /** So many failures in a row count as one. */
  readonly threshold: number
}

interface Remote extends Repeated {
  readonly timeoutMs: number
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
  /** The path that the API stands below, without a slash at its end; empty for none. */
  readonly prefix: string
  readonly tls: TlsSettings | undefined
  readonly health: HealthSettings
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
  /** Whose content is fetched when somebody pulls it. */
  readonly mirrors: MirrorSettings
  /** What a bare name means where content of one's own and mirrored content meet. */
  readonly overlay: OverlaySettings
}
