import { pino } from 'pino'
import type { Clock } from './clock.js'
import type { LogSink } from './log-sink.js'
import { logfmt, quoted } from './logfmt.js'

/** What the parts say. Fields first, then one sentence. */
export interface Log {
  info(fields: object, sentence: string): void
  warn(fields: object, sentence: string): void
  error(fields: object, sentence: string): void
}

/** How the lines look, and which are left out. */
export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly formatter: 'text' | 'json'
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

/** A log that writes to the sink. */
export function openLog(settings: LogSettings, sink: LogSink, clock: Pick<Clock, 'now'>): Log {
  return settings.formatter === 'json' ? jsonLog(settings, sink, clock) : textLog(settings, sink, clock)
}

/** A log whose settings may change: asked at each line, opened anew when they are others. */
export function openLiveLog(settings: () => LogSettings, sink: LogSink, clock: Pick<Clock, 'now'>): Log {
  let known = settings()
  let log = openLog(known, sink, clock)
  const current = (): Log => {
    const wanted = settings()
    if (wanted !== known) log = openLog(wanted, sink, clock)
    known = wanted
    return log
  }
  return {
    info: (fields, sentence) => current().info(fields, sentence),
    warn: (fields, sentence) => current().warn(fields, sentence),
    error: (fields, sentence) => current().error(fields, sentence),
  }
}

function jsonLog({ level, fields }: LogSettings, sink: LogSink, clock: Pick<Clock, 'now'>): Log {
  const logger = pino(
    {
      level,
      base: fields,
      timestamp: () => `,"time":"${clock.now().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => sink.write(withoutControls(line)) },
  )
  return {
    info: (more, sentence) => logger.info(more, sentence),
    warn: (more, sentence) => logger.warn(more, sentence),
    error: (more, sentence) => logger.error(more, sentence),
  }
}

/** JSON escapes what is below a space; some terminals obey DEL and the C1 controls too (attack row 75). */
function withoutControls(line: string): string {
  return line.replaceAll(/[\u007f-\u009f]/g, (control) => `\\u00${control.charCodeAt(0).toString(16)}`)
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
/** As logrus names them. */
const NAMES = { info: 'info', warn: 'warning', error: 'error' } as const

function textLog({ level, fields }: LogSettings, sink: LogSink, clock: Pick<Clock, 'now'>): Log {
  const least = LEVELS.indexOf(level)
  const say = (at: keyof typeof NAMES) => {
    if (LEVELS.indexOf(at) < least) return () => undefined
    return (more: object, sentence: string) => {
      const head = `time="${clock.now().toISOString()}" level=${NAMES[at]} msg=${quoted(sentence)}`
      sink.write(`${head} ${logfmt({ ...fields, ...more })}`.trimEnd() + '\n')
    }
  }
  return { info: say('info'), warn: say('warn'), error: say('error') }
}
