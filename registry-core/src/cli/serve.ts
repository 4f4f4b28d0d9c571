import { compose } from '../compose.js'
import type { Environment } from '../config/environment.js'
import { readSettings } from '../config/read-settings.js'
import { systemClock } from '../system/clock.js'
import { openLog } from '../system/log.js'
import { openLogSink } from '../system/log-sink.js'
import type { ExitCode } from './terminal.js'

const STDOUT = 1
/** How long the last lines may take to leave; nobody may read them at all. */
const LAST_LINES_MS = 500

/** Serves until SIGTERM or SIGINT, then lets what runs end. */
export async function serve(file: string, isJson: boolean, environment: Environment): Promise<ExitCode> {
  const settings = readSettings(file, environment)
  const sink = openLogSink(STDOUT)
  const log = openLog(isJson ? { ...settings.log, formatter: 'json' } : settings.log, sink, systemClock)
  try {
    const stopped = untilSignal()
    const running = await compose(settings, { log, sink })
    const signal = await stopped
    log.info({ signal }, 'stopping: what runs may end, nothing new is taken')
    await running.stop()
    log.info({}, 'stopped')
    return 0
  } finally {
    await sink.close(LAST_LINES_MS)
  }
}

/** The first signal begins the end; a second one is the system's default, which ends at once. */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    const told = (signal: string): void => {
      for (const each of SIGNALS) process.off(each, told)
      resolve(signal)
    }
    for (const signal of SIGNALS) process.on(signal, told)
  })
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
