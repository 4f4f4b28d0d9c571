import { compose } from '../compose.js'
import type { Environment } from '../config/environment.js'
import { type LiveSettings, openLive, type Reloaded, ReloadIncomplete } from '../config/live.js'
import { readSettings } from '../config/read-settings.js'
import type { Settings } from '../config/settings.js'
import { systemClock } from '../system/clock.js'
import { type Log, openLiveLog } from '../system/log.js'
import { openLogSink } from '../system/log-sink.js'
import { checkWhenAsked } from './check.js'
import { runAsOwner } from './run-as-owner.js'
import type { ExitCode } from './terminal.js'

const STDOUT = 1
/** How long the last lines may take to leave; nobody may read them at all. */
const LAST_LINES_MS = 500

/** Serves until SIGTERM or SIGINT, then lets what runs end. SIGHUP reads the configuration anew. */
export async function serve(file: string, isJson: boolean, environment: Environment): Promise<ExitCode> {
  const read = (): Settings => withJson(readSettings(file, environment), isJson)
  const live = openLive(read(), read)
  const user = runAsOwner(live.current, environment)
  const sink = openLogSink(STDOUT)
  const log = openLiveLog(() => live.current.log, sink, systemClock)
  try {
    const stopped = untilSignal()
    process.on('SIGHUP', () => void reload(live, log))
    if (user !== undefined) log.info({}, user)
    const running = await compose(live, { log, sink, reload: () => reload(live, log), check: checkWhenAsked })
    const signal = await stopped
    log.info({ signal }, 'stopping: what runs may end, nothing new is taken')
    await running.stop()
    log.info({}, 'stopped')
    return 0
  } finally {
    await sink.close(LAST_LINES_MS)
  }
}

function withJson(settings: Settings, isJson: boolean): Settings {
  return isJson ? { ...settings, log: { ...settings.log, formatter: 'json' } } : settings
}

/** Says what became of it, whoever asked. */
async function reload(live: LiveSettings, log: Log): Promise<Reloaded> {
  try {
    const reloaded = await live.reload()
    if (reloaded.outcome === 'refused')
      log.error({ findings: reloaded.findings }, 'the configuration is wrong: what was in force stays')
    else log.info(reloaded, 'the configuration was read anew')
    return reloaded
  } catch (error) {
    if (error instanceof ReloadIncomplete) {
      log.error(
        { ...error.reloaded, err: error.cause },
        'the configuration is in force, but not in every part',
      )
      return error.reloaded
    }
    const why = Error.isError(error) ? error.message : String(error)
    log.error({ err: error }, 'the configuration could not be read')
    return { outcome: 'refused', findings: [why] }
  }
}

/** The first signal begins the end; a second one ends at once, also the first process of a container, which has no default. */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let isTold = false
    const told = (signal: string): void => {
      if (isTold) process.exit(ENDED_AT_ONCE)
      isTold = true
      resolve(signal)
    }
    for (const signal of SIGNALS) process.on(signal, told)
  })
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** As shells count: 128 and the number of SIGTERM. */
const ENDED_AT_ONCE = 143
