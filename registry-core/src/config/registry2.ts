/*
 * Every key of the configuration of CNCF Distribution 2.8, and what becomes of it here: the only such table. A key covers
 * all that stands below it. docs/reference/registry2-configuration.md shows it; a test compares them, and tries each row.
 */

/** What becomes of a key. */
export type Verdict =
  | { readonly kind: 'honoured' }
  /** Has no effect, which is said once at start. */
  | { readonly kind: 'accepted'; readonly why: string }
  /** Stops the start: to go on without it would be another registry than the file describes. */
  | { readonly kind: 'refused'; readonly why: string }

/** One key, with dots; `[]` for what a list repeats. */
export interface Registry2Key {
  readonly key: string
  readonly verdict: Verdict
}

const HONOURED = [
  'version',
  'log.level',
  'log.formatter',
  'log.fields',
  'log.accesslog.disabled',
  'loglevel',
  'storage.filesystem.rootdirectory',
  'storage.inmemory',
  'storage.delete.enabled',
  'storage.maintenance.uploadpurging.enabled',
  'storage.maintenance.uploadpurging.age',
  'storage.maintenance.uploadpurging.interval',
  'storage.maintenance.uploadpurging.dryrun',
  'storage.maintenance.readonly.enabled',
  'http.addr',
  'http.net',
  'http.host',
  'http.prefix',
  'http.secret',
  'http.draintimeout',
  'http.headers',
  'http.debug.addr',
  'http.debug.prometheus.enabled',
  'http.debug.prometheus.path',
  'http.tls.certificate',
  'http.tls.key',
  'http.tls.clientcas',
  'http.tls.minimumtls',
  'http.tls.ciphersuites',
  'auth.htpasswd.realm',
  'auth.htpasswd.path',
  'auth.token.realm',
  'auth.token.service',
  'auth.token.issuer',
  'auth.token.rootcertbundle',
  'auth.token.autoredirect',
  'auth.token.autoredirectpath',
  'auth.token.jwks',
  'auth.token.signingalgorithms',
  'health.storagedriver.enabled',
  'health.storagedriver.interval',
  'health.storagedriver.threshold',
  'health.file[].file',
  'health.file[].interval',
  'health.file[].threshold',
  'health.http[].uri',
  'health.http[].headers',
  'health.http[].statuscode',
  'health.http[].timeout',
  'health.http[].interval',
  'health.http[].threshold',
  'health.tcp[].addr',
  'health.tcp[].timeout',
  'health.tcp[].interval',
  'health.tcp[].threshold',
  'notifications.events.includereferences',
  'notifications.endpoints[].name',
  'notifications.endpoints[].disabled',
  'notifications.endpoints[].url',
  'notifications.endpoints[].headers',
  'notifications.endpoints[].timeout',
  'notifications.endpoints[].threshold',
  'notifications.endpoints[].backoff',
  'notifications.endpoints[].ignoredmediatypes',
  'notifications.endpoints[].ignore.mediatypes',
  'notifications.endpoints[].ignore.actions',
  'proxy.remoteurl',
  'proxy.username',
  'proxy.password',
  'catalog.maxentries',
  'validation.enabled',
  'validation.disabled',
  'validation.manifests.urls.allow',
  'validation.manifests.urls.deny',
] as const

const ACCEPTED: Readonly<Record<string, string>> = {
  'log.hooks': 'no mail is sent from here; watch /readyz and /metrics instead',
  'log.reportcaller': 'each line says what happened, not where in the code',
  'storage.filesystem.maxthreads': 'the number of file operations at once needs no limit here',
  'storage.cache': 'every answer comes from the store, so there is no cache that could be wrong',
  'storage.redirect': 'clients are never sent elsewhere for a blob',
  'storage.tag': 'tags are looked up without a limit to set',
  'http.relativeurls': 'Location is always relative',
  'http.http2': 'HTTP/1.1 is spoken here; nginx in front speaks HTTP/2',
  'auth.none': 'nobody needs to log in without it either',
  'proxy.ttl': 'what was fetched stays; lifetimes come with a later version',
  redis: 'there is no cache that would need it',
  reporting: 'nothing is sent to other companies',
  compatibility: 'manifests of Docker schema 1 are refused, whatever it says',
  policy: 'repositories have no classes here',
}

const OBJECT_STORE = 'object stores come with a later version; use storage.filesystem'
const REFUSED: Readonly<Record<string, string>> = {
  'storage.azure': OBJECT_STORE,
  'storage.gcs': OBJECT_STORE,
  'storage.s3': OBJECT_STORE,
  'storage.s3aws': OBJECT_STORE,
  'storage.swift': OBJECT_STORE,
  'storage.oss': OBJECT_STORE,
  'auth.silly': 'it lets in whoever sends any Authorization header; use auth.htpasswd',
  'http.tls.letsencrypt': 'certificates come as files, http.tls.certificate and http.tls.key',
  middleware: 'there is nothing here that code of others could be put between',
}

/** The table. */
export const REGISTRY2: readonly Registry2Key[] = [
  ...HONOURED.map((key) => ({ key, verdict: { kind: 'honoured' } as const })),
  ...Object.entries(ACCEPTED).map(([key, why]) => ({ key, verdict: { kind: 'accepted', why } as const })),
  ...Object.entries(REFUSED).map(([key, why]) => ({ key, verdict: { kind: 'refused', why } as const })),
]

/** Honoured keys that hold a map with any names. */
export const MAPS: ReadonlySet<string> = new Set([
  'log.fields',
  'http.headers',
  'health.http[].headers',
  'notifications.endpoints[].headers',
])

/** Sections whose names are choices, so that `auth: htpasswd` means `auth: {htpasswd: {}}`. */
export const CHOICES: ReadonlySet<string> = new Set(['storage', 'auth'])

/** What variables call some keys: Distribution goes by the names in its code there, not by those in the file. */
export const NAMES_IN_VARIABLES: Readonly<Record<string, string>> = {
  'health.filecheckers': 'file',
  'health.httpcheckers': 'http',
  'health.tcpcheckers': 'tcp',
  'notifications.eventconfig': 'events',
}
