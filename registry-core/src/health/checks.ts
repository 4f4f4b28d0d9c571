import { once } from 'node:events'
import { connect } from 'node:net'
import { Agent, interceptors } from 'undici'
import type { HealthSettings } from '../config/settings.js'
import { errorCode, type Fs } from '../store/fs.js'
import type { Clock } from '../system/clock.js'
import type { HealthCheck } from './health.js'

/** What the checks of a configuration work with. */
export interface CheckParts {
  readonly fs: Pick<Fs, 'statNow' | 'list'>
  /** The folder of the store. */
  readonly root: string
  readonly clock: Clock
}

/** A store that answers no question for so long is not well. */
const STORAGE_TIMEOUT_MS = 10_000

/** The checks of a configuration, named and worded as registry:2 does. */
export function checksOf(settings: HealthSettings, parts: CheckParts): readonly HealthCheck[] {
  const { storage } = settings
  return [
    ...(storage ? [storageCheck(storage, parts)] : []),
    ...settings.files.map((file) => fileCheck(file, parts)),
    ...settings.http.map((http) => httpCheck(http, parts.clock)),
    ...settings.tcp.map((tcp) => tcpCheck(tcp, parts.clock)),
  ]
}

/** Only what hinders pulls too: a full or read-only disk refuses pushes by itself, and goes on serving. */
function storageCheck(
  { intervalMs, threshold }: NonNullable<HealthSettings['storage']>,
  { fs, root, clock }: CheckParts,
): HealthCheck {
  let wasFilled = false
  return {
    ...{ name: 'storagedriver_filesystem', everyMs: intervalMs, threshold },
    async ask(signal) {
      const answer = async (): Promise<string | undefined> => {
        const entries = await fs.list(root)
        if (entries === undefined) return `the folder ${root} is gone; is its disk still mounted?`
        if (entries.length > 0) wasFilled = true
        return wasFilled && entries.length === 0
          ? `the folder ${root} is empty; is its disk still mounted?`
          : undefined
      }
      return withTimeout(STORAGE_TIMEOUT_MS, { clock, signal }, () =>
        answer().catch((error: unknown) => `the folder ${root} cannot be read (${errorCode(error)})`),
      )
    },
  }
}

/** A file that exists takes the registry out of service. */
function fileCheck(
  { file, intervalMs, threshold }: HealthSettings['files'][number],
  { fs }: Pick<CheckParts, 'fs'>,
): HealthCheck {
  return {
    ...{ name: file, everyMs: intervalMs, threshold },
    ask: () => {
      try {
        return Promise.resolve(fs.statNow(file) && 'file exists')
      } catch (error) {
        return Promise.resolve(`the file cannot be looked for (${errorCode(error)})`)
      }
    },
  }
}

function httpCheck(settings: HealthSettings['http'][number], clock: Clock): HealthCheck {
  const { uri, headers, statusCode, timeoutMs, intervalMs, threshold } = settings
  return {
    ...{ name: uri, everyMs: intervalMs, threshold },
    async ask(signal) {
      const { origin, pathname, search } = new URL(uri)
      const agent = new Agent()
      const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 10 }))
      const head = async (): Promise<string | undefined> => {
        const answer = await dispatcher.request({
          ...{ origin, path: pathname + search, method: 'HEAD', headers: [...headers.flat()], signal },
        })
        await answer.body.dump()
        return answer.statusCode === statusCode
          ? undefined
          : `downstream service returned unexpected status: ${answer.statusCode}`
      }
      try {
        return await withTimeout(timeoutMs, { clock, signal }, head)
      } catch {
        return `error while checking: ${uri}`
      } finally {
        await agent.destroy()
      }
    },
  }
}

function tcpCheck(settings: HealthSettings['tcp'][number], clock: Clock): HealthCheck {
  const { host = 'localhost', port, timeoutMs, intervalMs, threshold } = settings
  const addr = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    ...{ name: addr, everyMs: intervalMs, threshold },
    async ask(signal) {
      const failed = `connection to ${addr} failed`
      const socket = connect({ host, port, signal })
      try {
        return await withTimeout(timeoutMs, { clock, signal }, async () => {
          await once(socket, 'connect')
          return undefined
        })
      } catch {
        return failed
      } finally {
        socket.destroy()
      }
    },
  }
}

async function withTimeout(
  timeoutMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ask: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const stopTimer = clock.after(timeoutMs, () => resolve(`no answer within ${timeoutMs / 1000} s`))
  const stop = (): void => resolve('stopped')
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([ask(), promise])
  } finally {
    stopTimer()
    signal.removeEventListener('abort', stop)
  }
}
