import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import type { AnonymousLevel } from '../access/caller.js'
import { errorCode } from '../store/fs.js'
import type { ListenerView } from '../views/views.js'
import { ADDRESS_FORM, findTcpAddress, type TcpAddress } from './address.js'
import { type ParsedFile, settingsSchema } from './schema.js'
import { sentenceOf } from './refusal.js'

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

/** The configuration cannot be used; each finding names the key, what was found and what is allowed. */
export class ConfigurationError extends Error {
  readonly findings: readonly string[]

  constructor(file: string, findings: readonly string[]) {
    super(findings.map((finding) => `${file}: ${finding}`).join('\n'))
    this.name = 'ConfigurationError'
    this.findings = findings
  }
}

/** Reads the file, once. @throws ConfigurationError */
export function readSettings(file: string): Settings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why =
      errorCode(error) === 'ENOENT' ? 'there is no such file' : `it cannot be read (${errorCode(error)})`
    throw new ConfigurationError(file, [why])
  }
  return parseSettings(file, text)
}

/** @throws ConfigurationError */
export function parseSettings(file: string, text: string): Settings {
  const document = parseDocument(text, { version: '1.2' })
  if (document.errors.length > 0)
    throw new ConfigurationError(
      file,
      document.errors.map(({ message }) => `it is not YAML: ${message.split('\n', 1).join('')}`),
    )
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new ConfigurationError(file, [
      `it is not YAML: ${Error.isError(error) ? error.message : 'bad aliases'}`,
    ])
  }
  const parsed = settingsSchema.safeParse(value)
  if (!parsed.success)
    throw new ConfigurationError(
      file,
      parsed.error.issues.flatMap((issue) => sentenceOf(issue, value)),
    )
  return toSettings(file, parsed.data)
}

function toSettings(file: string, parsed: ParsedFile): Settings {
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
