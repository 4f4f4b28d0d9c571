import { accountName, count, folder, size, socketPath } from './checked-values.js'
import { type DirectiveValue, directiveValue, quotedPattern, SettingRefused } from './directive-value.js'
import { errorPages } from './error-pages.js'
import { type ServerView, serverViews } from './server-views.js'
import { DEFAULT_MAX_UPLOAD_SIZE, DEFAULT_TIMEOUT_SECONDS, type FrontSettings } from './settings.js'
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
    servers: serverViews(settings.listeners, {
      http2IsDirective: isAtLeast(settings.nginxVersion, [1, 25, 1]),
    }),
  }
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
