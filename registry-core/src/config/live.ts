import { types } from 'node:util'
import type { AnonymousLevel } from '../access/caller.js'
import { ConfigurationError } from './configuration-error.js'
import type { Settings } from './settings.js'

/** What became of a reload; keys as the file has them. */
export type Reloaded =
  | {
      readonly outcome: 'reloaded'
      /** What is otherwise from now on. */
      readonly changed: readonly string[]
      /** What stays as it was until the process is started again. */
      readonly needsRestart: readonly string[]
    }
  | { readonly outcome: 'refused'; readonly findings: readonly string[] }
  /** In force, but for the parts whose findings these are: they are told again by the next reload. */
  | {
      readonly outcome: 'incomplete'
      readonly changed: readonly string[]
      readonly needsRestart: readonly string[]
      readonly findings: readonly string[]
    }

/** A part could not take what is in force now. */
export class ReloadIncomplete extends Error {
  readonly reloaded: Extract<Reloaded, { outcome: 'incomplete' }>

  constructor(
    done: { readonly changed: readonly string[]; readonly needsRestart: readonly string[] },
    causes: readonly unknown[],
  ) {
    const findings = causes.map((cause) => (Error.isError(cause) ? cause.message : String(cause)))
    super(findings.join('; '), { cause: causes[0] })
    this.name = 'ReloadIncomplete'
    this.reloaded = { outcome: 'incomplete', ...done, findings }
  }
}

/** The settings in force. They are swapped whole: nobody sees half of a new file. */
export interface LiveSettings {
  readonly current: Settings
  /**
   * Calls `apply` with what is in force after each reload that changed something, before the reload is answered. One that
   * throws hinders no other; the next reload calls them all again, also for a file that says what it said before.
   */
  onChange(apply: Apply): void
  /** Calls `run` after each reload that was not refused, also of a file that says what it said before. */
  onReload(run: () => void): void
  /** Reads the file anew. A wrong one changes nothing. Reloads come one after the other. @throws ReloadIncomplete */
  reload(): Promise<Reloaded>
}

interface Row {
  readonly name: keyof Settings
  /** What it is called in the file. */
  readonly key: string
  readonly atRunTime: boolean | ((current: Settings, wanted: Settings) => boolean)
}

/** Whether a setting can change while we run; `file` never does, `reading` is said, mergeAccess knows of access. */
export const ROWS: readonly Row[] = [
  { name: 'listeners', key: 'http.addr and listeners', atRunTime: false },
  { name: 'log', key: 'log', atRunTime: true },
  { name: 'store', key: 'storage.filesystem and store', atRunTime: false },
  { name: 'deletesOn', key: 'storage.delete.enabled', atRunTime: true },
  { name: 'isReadOnly', key: 'storage.maintenance.readonly', atRunTime: false },
  { name: 'manifestUrls', key: 'validation', atRunTime: false },
  { name: 'uploadPurging', key: 'storage.maintenance.uploadpurging', atRunTime: true },
  { name: 'prefix', key: 'http.prefix', atRunTime: false },
  { name: 'tls', key: 'http.tls', atRunTime: false },
  { name: 'health', key: 'health', atRunTime: false },
  { name: 'headers', key: 'http.headers', atRunTime: true },
  { name: 'drainMs', key: 'http.draintimeout', atRunTime: true },
  { name: 'operations', key: 'http.debug and internal', atRunTime: false },
  { name: 'catalogLimit', key: 'catalog.maxentries', atRunTime: true },
  { name: 'notifications', key: 'notifications', atRunTime: true },
  { name: 'mirrors', key: 'mirrors and proxy', atRunTime: hasSameProxy },
  { name: 'overlay', key: 'overlay', atRunTime: true },
]

type Apply = (settings: Settings) => Promise<void> | void

/** @param read the file, and what the environment says instead; throws ConfigurationError */
export function openLive(settings: Settings, read: () => Settings): LiveSettings {
  let current = settings
  let last: Promise<unknown> = Promise.resolve()
  const applies: Apply[] = []
  const runs: (() => void)[] = []
  let isOwed = false
  const reloadNow = async (): Promise<Reloaded> => {
    let wanted: Settings
    try {
      wanted = read()
    } catch (error) {
      if (error instanceof ConfigurationError) return { outcome: 'refused', findings: error.findings }
      throw error
    }
    const { merged, changed, needsRestart } = mergeSettings(current, wanted)
    current = merged
    const causes = changed.length > 0 || isOwed ? await applyAll(applies, merged) : []
    isOwed = causes.length > 0
    for (const run of runs) run()
    if (isOwed) throw new ReloadIncomplete({ changed, needsRestart }, causes)
    return { outcome: 'reloaded', changed, needsRestart }
  }
  return {
    get current() {
      return current
    },
    onChange: (apply) => void applies.push(apply),
    onReload: (run) => void runs.push(run),
    reload() {
      const reloaded = last.then(reloadNow)
      last = reloaded.catch(() => undefined)
      return reloaded
    },
  }
}

/** One after the other; answers what was thrown. */
async function applyAll(applies: readonly Apply[], settings: Settings): Promise<readonly unknown[]> {
  const causes: unknown[] = []
  for (const apply of applies)
    try {
      await apply(settings)
    } catch (error) {
      causes.push(error)
    }
  return causes
}

/** The new file's values where they can change while we run, the old ones elsewhere. Pure. */
function mergeSettings(
  current: Settings,
  wanted: Settings,
): {
  readonly merged: Settings
  readonly changed: readonly string[]
  readonly needsRestart: readonly string[]
} {
  const changed: string[] = []
  const needsRestart: string[] = []
  let merged: Settings = { ...current, reading: wanted.reading, access: mergeAccess(current, wanted) }
  if (!isEqual(merged.access, current.access)) changed.push('access and auth')
  for (const { name, key, atRunTime } of ROWS) {
    if (isEqual(current[name], wanted[name])) continue
    const isNow = typeof atRunTime === 'boolean' ? atRunTime : atRunTime(current, wanted)
    const names = isNow ? changed : needsRestart
    names.push(key)
    if (isNow) merged = { ...merged, [name]: wanted[name] }
  }
  return { merged, changed, needsRestart }
}

/** http.addr stands for what `proxy` names until the restart: another one, or none, would leave it without an upstream. */
function hasSameProxy(current: Settings, wanted: Settings): boolean {
  const proxied = ({ mirrors }: Settings) =>
    mirrors.upstreams.flatMap(({ host, naming }) => (naming === 'bare' ? [host] : []))
  return isEqual(proxied(current), proxied(wanted))
}

/** Each with what the one before it grants. */
const LEVELS: readonly AnonymousLevel[] = ['none', 'pull', 'push']

/** Those that listen go on where they are; what anybody may do there is that of the new file's listener of that place. */
function mergeAccess(current: Settings, wanted: Settings): Settings['access'] {
  const places = wanted.listeners.map(textOf)
  // One that the new file does not have stays until the restart: with no more than the file gives to anybody anywhere.
  const isGranted = (level: AnonymousLevel): boolean =>
    wanted.access.anonymous.some((one) => LEVELS.indexOf(one) >= LEVELS.indexOf(level))
  const anonymous = current.listeners.map((listener, at) => {
    const place = places.indexOf(textOf(listener))
    const before = LEVELS.slice(0, LEVELS.indexOf(current.access.anonymous[at] ?? 'none') + 1)
    return wanted.access.anonymous[place] ?? before.findLast(isGranted) ?? 'none'
  })
  const { tokenPath: _, ...access } = wanted.access
  const { tokenPath } = current.access // goes with http.prefix, which stays
  return { ...access, ...(tokenPath !== undefined && { tokenPath }), anonymous }
}

/** Both come from the same reader, so that equal settings are equal texts. */
function isEqual(one: unknown, other: unknown): boolean {
  return textOf(one) === textOf(other)
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (types.isRegExp(part) ? String(part) : part)) ?? ''
}
