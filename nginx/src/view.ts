import path from 'node:path'

import { accountName, count, folder, size, socketPath } from './checked-values.js'
import { type DirectiveValue, directiveValue, quotedPattern, SettingRefused } from './directive-value.js'
import { errorPages } from './error-pages.js'
import { PROBLEM_PAGES } from './problem-pages.js'
import { type ServerViews, serverViews } from './server-views.js'
import {
  DEFAULT_CONNECTIONS_PER_WORKER,
  DEFAULT_MAX_UPLOAD_SIZE,
  DEFAULT_TIMEOUT_SECONDS,
  type FrontSettings,
  type Generation,
  LONGEST_TIMEOUT_SECONDS,
} from './settings.js'
import { SocketNames, type SocketView } from './socket-names.js'
import { acceptableToPcre } from './target-pattern.js'

/** What a template may hold: no plain string compiles, and nothing is optional. */
export type Viewable =
  | DirectiveValue
  | number
  | boolean
  | readonly Viewable[]
  | { readonly [field: string]: Viewable }

/** Every value and every condition of the rendered files, computed. */
export type View = ServerViews & {
  readonly prefix: DirectiveValue
  /** The folder of nginx.conf itself. */
  readonly generation: DirectiveValue
  readonly saysGeneration: boolean
  readonly generationName: DirectiveValue
  readonly generationSocket: DirectiveValue
  readonly hasUser: boolean
  readonly user: DirectiveValue
  readonly group: DirectiveValue
  readonly workers: DirectiveValue
  readonly connectionsPerWorker: number
  /** A connection may need another descriptor, for the file that is sent. */
  readonly openFiles: number
  /** What is asked by its unix socket. */
  readonly sockets: readonly SocketView[]
  readonly storeRoot: DirectiveValue
  readonly targetPattern: DirectiveValue
  readonly maxUploadSize: DirectiveValue
  readonly timeoutSeconds: number
  /** nginx since 1.27.4 can leave idle connections open at a reload, for a request that is just on its way. */
  readonly sparesIdleConnections: boolean
  readonly errorPages: readonly ErrorPageView[]
  readonly problemPages: readonly ErrorPageView[]
}

/** A status that nginx meets, the one it answers, and the file of the body in the folder of its kind. */
export type ErrorPageView = {
  readonly caught: number
  readonly answered: number
  readonly file: DirectiveValue
}

const UNUSED = directiveValue('unused', '-')

/** Settings → the complete view. Throws SettingRefused, naming the setting, for what nginx would not take. */
export function viewOf(settings: FrontSettings): View {
  const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, maxUploadSize = DEFAULT_MAX_UPLOAD_SIZE } = settings
  const cores = new SocketNames('core')
  const apis = new SocketNames('api')
  cores.nameOf('coreSocket', settings.coreSocket)
  const servers = serverViews(settings.listeners, {
    http2IsDirective: isAtLeast(settings.nginxVersion, [1, 25, 1]),
    hasAuthority: settings.authority !== undefined,
    coreSocket: settings.coreSocket,
    ...{ cores, apis },
  })
  return {
    prefix: folder('prefix', settings.prefix),
    ...generationFields(settings.generation, settings.prefix),
    ...processFields(settings),
    sockets: [...cores.views(), ...apis.views()],
    storeRoot: folder('storeRoot', settings.storeRoot),
    targetPattern: quotedPattern(acceptableToPcre),
    maxUploadSize: size('maxUploadSize', maxUploadSize),
    timeoutSeconds: Number(count('timeoutSeconds', timeoutSeconds, LONGEST_TIMEOUT_SECONDS)),
    sparesIdleConnections: isAtLeast(settings.nginxVersion, [1, 27, 4]),
    errorPages: errorPages(settings).map(errorPageView),
    problemPages: PROBLEM_PAGES.map(errorPageView),
    ...servers,
  }
}

function generationFields(
  generation: Generation | undefined,
  prefix: string,
): Pick<View, 'generation' | 'saysGeneration' | 'generationName' | 'generationSocket'> {
  if (generation === undefined)
    return {
      generation: folder('prefix', prefix),
      saysGeneration: false,
      generationName: UNUSED,
      generationSocket: UNUSED,
    }
  const name = path.basename(generation.folder)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new SettingRefused('generation', name, 'a folder of letters, digits, ".", "_" and "-"')
  return {
    generation: folder('generation', generation.folder),
    saysGeneration: true,
    generationName: directiveValue('generation', name),
    generationSocket: socketPath('generation', generation.socket),
  }
}

function processFields({
  user,
  group = user,
  workers,
  connectionsPerWorker = DEFAULT_CONNECTIONS_PER_WORKER,
}: FrontSettings): Pick<
  View,
  'hasUser' | 'user' | 'group' | 'workers' | 'connectionsPerWorker' | 'openFiles'
> {
  const connections = Number(count('connectionsPerWorker', connectionsPerWorker, 1_000_000))
  // nginx itself takes no fewer than it has listeners and channels.
  if (connections < 512) throw new SettingRefused('connectionsPerWorker', String(connections), '512 or more')
  return {
    hasUser: user !== undefined,
    user: user === undefined ? UNUSED : accountName('user', user),
    group: group === undefined ? UNUSED : accountName('group', group),
    workers: directiveValue('workers', workers === undefined ? 'auto' : count('workers', workers, 256)),
    connectionsPerWorker: connections,
    openFiles: 2 * connections,
  }
}

function errorPageView({
  caught,
  answered,
  file,
}: Omit<ErrorPageView, 'file'> & { file: string }): ErrorPageView {
  return { caught, answered, file: directiveValue('error page', file) }
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
