import { statSync } from 'node:fs'
import { ConfigurationError } from '../config/configuration-error.js'
import type { Environment } from '../config/environment.js'
import type { Notice } from '../config/notice.js'
import { readSettings } from '../config/read-settings.js'
import type { Settings } from '../config/settings.js'
import { addressName } from '../http/listen.js'
import { loadCertificates } from '../http/tls/certificates.js'
import { systemClock } from '../system/clock.js'
import { viewText } from '../views/place.js'
import { examineMirrors } from './examine-mirrors.js'
import type { ExitCode, Terminal } from './terminal.js'

/** What check has found: a refusal stops the start, a notice does not. */
interface Examination {
  readonly findings: readonly {
    readonly kind: 'refused' | 'missing' | 'misspelt' | Notice['kind']
    readonly sentence: string
  }[]
  readonly honoured: readonly string[]
  readonly plan: readonly string[]
}

/** What check makes of a file; the internal socket answers the same (`GET /check`). */
export interface Checked {
  /** Nothing is refused or wrong. */
  readonly isSound: boolean
  /** What the program prints: lines, each ended by a newline. */
  readonly said: string
}

/** Prints what there is to say of the file: 0 when all is well, 1 when something is refused or wrong. */
export function check(file: string, isJson: boolean, environment: Environment, terminal: Terminal): ExitCode {
  const { isSound, said } = checkFile(file, environment, isJson)
  terminal.out(said)
  return isSound ? 0 : 1
}

/** Reads the file as serve would, with all that it names; changes nothing. */
function checkFile(file: string, environment: Environment, isJson = false): Checked {
  const { findings, honoured, plan } = examine(file, environment)
  const lines = [
    ...findings.map(({ sentence }) => `${file}: ${sentence}`),
    ...(honoured.length > 0 ? [`honoured: ${honoured.join(', ')}`] : []),
    ...plan,
  ]
  return {
    isSound: findings.every(({ kind }) => kind === 'accepted'),
    said: isJson
      ? `${JSON.stringify({ file, findings, honoured, plan })}\n`
      : lines.map((line) => `${line}\n`).join(''),
  }
}

/** What a process that serves may read between two requests: 0.2 s of CPU time. */
const MOST_ASKED_BYTES = 256 * 1024

/**
 * The same for whoever asks the process that serves, which answers nobody else meanwhile. `undefined`: not a file, or one
 * that takes too long, so that the program has to be asked. This process's own environment says nothing of it.
 */
export function checkWhenAsked(file: string): Checked | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat !== undefined && (!stat.isFile() || stat.size > MOST_ASKED_BYTES)) return undefined
  return checkFile(file, {})
}

function examine(file: string, environment: Environment): Examination {
  try {
    const settings = readSettings(file, environment)
    const { honoured, notices } = settings.reading
    const tls = examineTls(settings)
    const mirrors = examineMirrors(settings)
    return {
      findings: [...notices, ...tls.findings, ...mirrors.findings],
      honoured,
      plan: [...planOf(settings), ...tls.plan, ...mirrors.plan],
    }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const refused = error.findings.map((sentence) => ({ kind: 'refused', sentence }) as const)
    return { findings: [...refused, ...error.notices], honoured: [], plan: [] }
  }
}

/** The certificates as serve would read them: what does not fit there ends the start. */
function examineTls({ tls }: Settings): Pick<Examination, 'findings' | 'plan'> {
  if (tls === undefined) return { findings: [], plan: [] }
  try {
    const { warnings } = loadCertificates(tls, systemClock.now())
    const asks = tls.clientCas.length > 0 ? ', to clients that show a certificate' : ''
    return { findings: [], plan: [`TCP listeners speak TLS with ${tls.certificate}${asks}`, ...warnings] }
  } catch (error) {
    const sentence = Error.isError(error) ? error.message : String(error)
    return { findings: [{ kind: 'refused', sentence }], plan: [] }
  }
}

/** What serve would do, in sentences. */
function planOf(settings: Settings): readonly string[] {
  const { access } = settings
  return [
    storeLine(settings),
    ...settings.listeners.map(
      ({ address, view }, index) =>
        `listens on ${addressName(address)} with the view ${viewText(view)}; without a login: ${access.anonymous[index]}`,
    ),
    ...settings.operations.map(
      ({ address, metricsPath }) =>
        `serves health ${metricsPath === undefined ? '' : `and metrics (${metricsPath}) `}on ${addressName(address)}`,
    ),
    settings.isReadOnly
      ? 'pushing and deleting are off (storage.maintenance.readonly)'
      : `deleting is ${settings.deletesOn ? 'on' : 'off'}`,
    purgingLine(settings),
  ]
}

function storeLine({ store: { root, id } }: Settings): string {
  if (root === undefined) return 'the store lies in memory, and is gone when the process stops'
  return `the store is ${root}${id === undefined ? '' : `, and must have the id ${id}`}`
}

function purgingLine({ uploadPurging: { isOn, isDryRun, ageMs } }: Settings): string {
  if (!isOn) return 'unfinished uploads stay for ever'
  const rest = `unfinished after ${ageMs / 3_600_000} hours`
  return isDryRun ? `uploads that are ${rest} are counted, and stay` : `uploads end ${rest}`
}
