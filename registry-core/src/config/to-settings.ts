import type { MirrorSettings } from '../mirror/mirror-settings.js'
import type { ListenerView } from '../views/place.js'
import { ADDRESS_FORM, findTcpAddress, type TcpAddress } from './address.js'
import { ConfigurationError } from './configuration-error.js'
import { headerPairs } from './header-pairs.js'
import type { Notice } from './notice.js'
import type { ParsedFile } from './schema.js'
import type { ListenAddress, Reading, Settings, UrlRules } from './settings.js'
import { toAccess } from './to-access.js'
import { type ReadText, toMirrors } from './to-mirrors.js'
import { toNotifications } from './to-notifications.js'
import { toHealth, toTls } from './to-serving.js'

/** The file's values as the parts want them. @throws ConfigurationError for what only shows when keys meet. */
export function toSettings(
  file: string,
  parsed: ParsedFile,
  { reading, readText }: { readonly reading: Reading; readonly readText: ReadText },
): Settings {
  const { log, storage, http, store, catalog } = parsed
  const { uploadpurging } = storage.maintenance
  const mirrors = toMirrors(file, parsed, readText)
  const listeners = listenersOf(file, parsed, mirrors)
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
    mirrors,
    overlay: parsed.overlay,
  }
}

/** As registry:2 has it, 0 and less mean the default; more than this would be one answer of many megabytes. */
function catalogLimitOf(entries: number): number {
  return entries <= 0 ? 1000 : Math.min(entries, 100_000)
}

/** What only the values tell. */
function noticesOf({ log, http, proxy }: ParsedFile): Reading['notices'] {
  const { remoteurl, username, password } = proxy
  const hasNone = username === undefined && password === undefined
  const hasHalf = (username === undefined) !== (password === undefined)
  const debug = 'http.debug has no effect without http.debug.addr'
  const half =
    username === undefined
      ? 'proxy.password has no effect without proxy.username'
      : 'proxy.username has no effect without proxy.password'
  return [
    ...(log.formatter === 'logstash' ? [notice('accepted', 'log.formatter', LOGSTASH)] : []),
    ...(http.debug !== undefined && http.debug.addr === undefined
      ? [notice('misplaced', 'http.debug', debug)]
      : []),
    ...(remoteurl === undefined && !hasNone ? [notice('misplaced', 'proxy', ALONE)] : []),
    ...(remoteurl !== undefined && hasHalf ? [notice('misplaced', 'proxy', half)] : []),
  ]
}

const LOGSTASH = 'log.formatter logstash is accepted: the lines are those of json'
const ALONE = 'proxy has no effect without proxy.remoteurl'

function notice(kind: Notice['kind'], key: string, sentence: string): Notice {
  return { kind, key, sentence }
}

/** `enabled` goes before `disabled`, and rules without a list let nothing pass, both as in registry:2. */
function urlRulesOf({ validation }: ParsedFile): UrlRules | undefined {
  if (validation === undefined || (validation.disabled && !validation.enabled)) return undefined
  const { allow = [], deny = [] } = validation.manifests.urls ?? {}
  return { allow, deny }
}

function listenersOf(
  file: string,
  { http, listeners, proxy }: ParsedFile,
  mirrors: MirrorSettings,
): Settings['listeners'] {
  const first: Settings['listeners'] =
    http.addr === undefined
      ? []
      : [
          {
            address: http.net === 'unix' ? socketAt(http.addr) : tcpAt(file, http.addr),
            view: proxy.remoteurl === undefined ? 'registry' : 'mirror',
          },
        ]
  const further = listeners.map(({ addr, socket, view, upstream }, index) => ({
    address: addr === undefined ? socketAt(socket ?? '') : at(addr),
    view: view === 'upstream' ? upstreamView(file, { index, name: upstream ?? '' }, mirrors) : view,
  }))
  return [...first, ...further]
}

/** The one that has the name, which may be an alias. */
function upstreamView(
  file: string,
  { index, name }: { readonly index: number; readonly name: string },
  { upstreams }: MirrorSettings,
): ListenerView {
  const found = upstreams.find(({ host, aliases }) => host === name || aliases.includes(name))
  if (found) return { upstream: found.host }
  throw new ConfigurationError(file, [
    `listeners[${index}].upstream is ${JSON.stringify(name)}; allowed is the host of one of mirrors.upstreams`,
  ])
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
