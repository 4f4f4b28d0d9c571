import { ADDRESS_FORM, findTcpAddress, type TcpAddress } from './address.js'
import { ConfigurationError } from './configuration-error.js'
import type { ParsedFile } from './schema.js'
import type { ListenAddress, Settings } from './settings.js'

/** The file's values as the parts want them. @throws ConfigurationError for what only shows when keys meet. */
export function toSettings(file: string, parsed: ParsedFile): Settings {
  const { log, storage, http, store, catalog } = parsed
  const { uploadpurging } = storage.maintenance
  const listeners = listenersOf(file, parsed)
  if (listeners.length === 0)
    throw new ConfigurationError(file, [
      'http.addr is missing, and there are no listeners: write addr: 127.0.0.1:5000',
    ])
  return {
    file,
    log: {
      level: log.level,
      formatter: log.formatter,
      fields: log.fields,
      hasAccessLog: !log.accesslog.disabled,
    },
    store: { root: storage.filesystem.rootdirectory, id: store.id, reserveBytes: store.reserve },
    deletesOn: storage.delete.enabled,
    uploadPurging: {
      isOn: uploadpurging.enabled,
      ageMs: uploadpurging.age,
      intervalMs: uploadpurging.interval,
    },
    listeners,
    headers: Object.entries(http.headers).flatMap(([name, values]) =>
      values.map((value) => [name, value] as const),
    ),
    drainMs: http.draintimeout,
    operations: operationsOf(parsed),
    catalogLimit: catalog.maxentries,
  }
}

function listenersOf(file: string, { http, listeners, access }: ParsedFile): Settings['listeners'] {
  const first =
    http.addr === undefined
      ? []
      : [
          {
            address: http.net === 'unix' ? socketAt(http.addr) : tcpAt(file, http.addr),
            view: 'registry',
            anonymous: access.anonymous,
          } as const,
        ]
  const further = listeners.map(({ addr, socket, view, anonymous }) => ({
    address: addr === undefined ? socketAt(socket ?? '') : at(addr),
    view,
    anonymous: anonymous ?? access.anonymous,
  }))
  return [...first, ...further]
}

function operationsOf({ http, internal }: ParsedFile): Settings['operations'] {
  const { debug } = http
  return [
    ...(debug
      ? [
          {
            address: at(debug.addr),
            metricsPath: debug.prometheus.enabled ? debug.prometheus.path : undefined,
          },
        ]
      : []),
    ...(internal ? [{ address: socketAt(internal.socket), metricsPath: '/metrics' }] : []),
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
