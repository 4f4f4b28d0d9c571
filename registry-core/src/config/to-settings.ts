import { ADDRESS_FORM, findTcpAddress, type TcpAddress } from './address.js'
import { ConfigurationError } from './configuration-error.js'
import { headerPairs } from './header-pairs.js'
import type { ParsedFile } from './schema.js'
import type { ListenAddress, Reading, Settings, UrlRules } from './settings.js'
import { toAccess } from './to-access.js'
import { toNotifications } from './to-notifications.js'
import { toHealth, toTls } from './to-serving.js'

/** The file's values as the parts want them. @throws ConfigurationError for what only shows when keys meet. */
export function toSettings(file: string, parsed: ParsedFile, reading: Reading): Settings {
  const { log, storage, http, store, catalog } = parsed
  const { uploadpurging } = storage.maintenance
  const listeners = listenersOf(file, parsed)
  if (listeners.length === 0)
    throw new ConfigurationError(file, [
      'http.addr is missing, and there are no listeners: write addr: 127.0.0.1:5000',
    ])
  return {
    file,
    reading: { ...reading, notices: [...reading.notices, ...noticesOf(parsed)] },
    log: {
      level: log.level ?? parsed.loglevel ?? 'info',
      formatter: log.formatter === 'text' ? 'text' : 'json',
      fields: log.fields,
      hasAccessLog: !log.accesslog.disabled,
    },
    store: { root: storage.filesystem?.rootdirectory, id: store.id, reserveBytes: store.reserve },
    deletesOn: storage.delete.enabled,
    isReadOnly: storage.maintenance.readonly.enabled,
    manifestUrls: urlRulesOf(parsed),
    uploadPurging: {
      isOn: uploadpurging.enabled,
      ageMs: uploadpurging.age,
      intervalMs: uploadpurging.interval,
      isDryRun: uploadpurging.dryrun,
    },
    listeners,
    access: toAccess(parsed),
    headers: headerPairs(http.headers),
    prefix: http.prefix.replace(/\/$/, ''),
    tls: toTls(http.tls),
    health: toHealth(parsed.health),
    drainMs: http.draintimeout,
    operations: operationsOf(parsed),
    catalogLimit: catalogLimitOf(catalog.maxentries),
    notifications: toNotifications(parsed),
  }
}

/** As registry:2 has it, 0 and less mean the default; more than this would be one answer of many megabytes. */
function catalogLimitOf(entries: number): number {
  return entries <= 0 ? 1000 : Math.min(entries, 100_000)
}

/** What only the values tell. */
function noticesOf({ log, http }: ParsedFile): Reading['notices'] {
  const logstash = 'log.formatter logstash is accepted: the lines are those of json'
  const debug = 'http.debug has no effect without http.debug.addr'
  return [
    ...(log.formatter === 'logstash'
      ? [{ kind: 'accepted', key: 'log.formatter', sentence: logstash } as const]
      : []),
    ...(http.debug !== undefined && http.debug.addr === undefined
      ? [{ kind: 'misplaced', key: 'http.debug', sentence: debug } as const]
      : []),
  ]
}

/** `enabled` goes before `disabled`, and rules without a list let nothing pass, both as in registry:2. */
function urlRulesOf({ validation }: ParsedFile): UrlRules | undefined {
  if (validation === undefined || (validation.disabled && !validation.enabled)) return undefined
  const { allow = [], deny = [] } = validation.manifests.urls ?? {}
  return { allow, deny }
}

function listenersOf(file: string, { http, listeners }: ParsedFile): Settings['listeners'] {
  const first =
    http.addr === undefined
      ? []
      : [
          {
            address: http.net === 'unix' ? socketAt(http.addr) : tcpAt(file, http.addr),
            view: 'registry',
          } as const,
        ]
  const further = listeners.map(({ addr, socket, view }) => ({
    address: addr === undefined ? socketAt(socket ?? '') : at(addr),
    view,
  }))
  return [...first, ...further]
}

function operationsOf({ http, internal }: ParsedFile): Settings['operations'] {
  const { debug } = http
  return [
    ...(debug?.addr
      ? [
          {
            address: at(debug.addr),
            metricsPath: debug.prometheus.enabled ? debug.prometheus.path : undefined,
            takesOrders: false,
          },
        ]
      : []),
    ...(internal ? [{ address: socketAt(internal.socket), metricsPath: '/metrics', takesOrders: true }] : []),
  ]
}

function tcpAt(file: string, text: string): ListenAddress {
  const address = findTcpAddress(text)
  if (address === undefined)
    throw new ConfigurationError(file, [`http.addr is ${JSON.stringify(text)}; allowed is ${ADDRESS_FORM}`])
  return at(address)
}

function at(address: TcpAddress): ListenAddress {
  return { kind: 'tcp', ...address }
}

function socketAt(path: string): ListenAddress {
  return { kind: 'unix', path }
}
