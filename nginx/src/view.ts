import net from 'node:net'
import path from 'node:path'

import { type DirectiveValue, directiveValue, quotedPattern, SettingRefused } from './directive-value.js'
import { errorPages } from './error-pages.js'
import {
  DEFAULT_MAX_UPLOAD_SIZE,
  DEFAULT_TIMEOUT_SECONDS,
  type FrontSettings,
  type Listener,
} from './settings.js'
import { acceptableToPcre } from './target-pattern.js'

/** What a template may hold: no plain string compiles, and nothing is optional. */
export type Viewable =
  | DirectiveValue
  | number
  | boolean
  | readonly Viewable[]
  | { readonly [field: string]: Viewable }

/** Every value and every condition of the rendered files, computed. */
export type View = {
  readonly prefix: DirectiveValue
  readonly hasUser: boolean
  readonly user: DirectiveValue
  readonly group: DirectiveValue
  readonly workers: DirectiveValue
  readonly coreSocket: DirectiveValue
  readonly storeRoot: DirectiveValue
  readonly targetPattern: DirectiveValue
  readonly maxUploadSize: DirectiveValue
  readonly timeoutSeconds: number
  /** nginx since 1.27.4 can leave idle connections open at a reload, for a request that is just on its way. */
  readonly sparesIdleConnections: boolean
  readonly errorPages: readonly ErrorPageView[]
  readonly servers: readonly ServerView[]
}

export type ErrorPageView = {
  readonly caught: number
  readonly answered: number
  readonly file: DirectiveValue
}

export type ServerView = {
  readonly listen: DirectiveValue
  readonly view: DirectiveValue
  readonly isTls: boolean
  /** nginx before 1.25.1 has HTTP/2 as a word of `listen`, later ones as a directive of its own. */
  readonly http2InListen: boolean
  readonly http2Directive: boolean
  readonly certificate: DirectiveValue
  readonly key: DirectiveValue
}

const UNUSED = directiveValue('unused', '-')

/** Settings → the complete view. Throws SettingRefused, naming the setting, for what nginx would not take. */
export function viewOf(settings: FrontSettings): View {
  const { user, group = user } = settings
  return {
    prefix: folder('prefix', settings.prefix),
    hasUser: user !== undefined,
    user: user === undefined ? UNUSED : accountName('user', user),
    group: group === undefined ? UNUSED : accountName('group', group),
    workers: directiveValue(
      'workers',
      settings.workers === undefined ? 'auto' : count('workers', settings.workers, 256),
    ),
    coreSocket: socketPath('coreSocket', settings.coreSocket),
    storeRoot: folder('storeRoot', settings.storeRoot),
    targetPattern: quotedPattern(acceptableToPcre),
    maxUploadSize: size('maxUploadSize', settings.maxUploadSize ?? DEFAULT_MAX_UPLOAD_SIZE),
    timeoutSeconds: Number(
      count('timeoutSeconds', settings.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS, 86_400),
    ),
    sparesIdleConnections: isAtLeast(settings.nginxVersion, [1, 27, 4]),
    errorPages: errorPages(settings).map(({ caught, answered, file }) => ({
      caught,
      answered,
      file: directiveValue('error page', file),
    })),
    servers: servers(settings),
  }
}

function servers({ listeners, nginxVersion }: FrontSettings): readonly ServerView[] {
  const http2IsDirective = isAtLeast(nginxVersion, [1, 25, 1])
  if (listeners.length === 0) throw new SettingRefused('listeners', '[]', 'at least one listener')
  const views = listeners.map((listener) => serverView(listener, http2IsDirective))
  for (const [at, { listen }] of views.entries()) {
    const meets = views.slice(0, at).some((earlier) => isSamePlace(earlier.listen, listen))
    if (meets) throw new SettingRefused('listeners', listen, 'each port of an address once')
  }
  return views
}

/** One address twice, or an address beside the wildcard of its family: nginx could bind only one of them. */
function isSamePlace(one: string, other: string): boolean {
  const pattern = /^(.*):(\d+)$/
  const [, host, port] = pattern.exec(one) ?? []
  const [, otherHost, otherPort] = pattern.exec(other) ?? []
  if (port !== otherPort) return false
  const isWildcard = [host, otherHost].some((name) => name === '0.0.0.0' || name === '[::]')
  return host === otherHost || (isWildcard && host?.startsWith('[') === otherHost?.startsWith('['))
}

function serverView(listener: Listener, http2IsDirective: boolean): ServerView {
  const isTls = listener.kind === 'tls'
  return {
    listen: listenAddress(listener),
    view: directiveValue('view', 'registry'),
    isTls,
    http2InListen: isTls && !http2IsDirective,
    http2Directive: isTls && http2IsDirective,
    certificate: isTls ? file('certificate', listener.certificate) : UNUSED,
    key: isTls ? file('key', listener.key) : UNUSED,
  }
}

function listenAddress({ address, port }: Listener): DirectiveValue {
  const family = net.isIP(address)
  if (family === 0 || address.includes('%') || /^::ffff:/i.test(address)) {
    throw new SettingRefused('address', address, 'an IP address')
  }
  // In its one short form, so that two spellings of an address are seen to be one.
  const canonical = new net.SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address
  count('port', port, 65_535)
  return directiveValue('address', family === 6 ? `[${canonical}]:${port}` : `${canonical}:${port}`)
}

function isAtLeast(version: string, wanted: readonly [number, number, number]): boolean {
  const parts = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})$/.exec(version)?.slice(1).map(Number)
  if (!parts) throw new SettingRefused('nginxVersion', version, 'three numbers, as in 1.22.1')
  for (const [at, least] of wanted.entries()) {
    const found = parts[at] ?? 0
    if (found !== least) return found > least
  }
  return true
}

function folder(setting: string, text: string): DirectiveValue {
  return file(setting, text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text)
}

function file(setting: string, text: string): DirectiveValue {
  const value = directiveValue(setting, text)
  if (!path.isAbsolute(text) || path.normalize(text) !== text || text.endsWith('/')) {
    throw new SettingRefused(setting, text, 'an absolute path without "." or ".." parts')
  }
  // Beyond it, no system call takes the paths that nginx makes from these.
  if (Buffer.byteLength(text) > 2048) throw new SettingRefused(setting, text, 'a path up to 2048 bytes')
  return value
}

function socketPath(setting: string, text: string): DirectiveValue {
  const value = file(setting, text)
  if (Buffer.byteLength(text) > 107)
    throw new SettingRefused(setting, text, 'a path up to 107 bytes: sockets hold no more')
  return value
}

function accountName(setting: string, text: string): DirectiveValue {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text))
    throw new SettingRefused(setting, text, 'a name as in /etc/passwd')
  return directiveValue(setting, text)
}

function count(setting: string, value: number, most: number): string {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new SettingRefused(setting, String(value), `a whole number from 1 to ${most}`)
  }
  return String(value)
}

function size(setting: string, text: string): DirectiveValue {
  if (!/^(0|[1-9]\d{0,8}[kmg]?)$/i.test(text)) {
    throw new SettingRefused(setting, text, 'a size as in 512k, 16384m or 20g; 0 is no limit')
  }
  return directiveValue(setting, text)
}
