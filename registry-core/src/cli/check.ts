import { ConfigurationError } from '../config/configuration-error.js'
import { readSettings } from '../config/read-settings.js'
import type { Settings } from '../config/settings.js'
import { addressName } from '../http/listen.js'
import type { ExitCode, Terminal } from './terminal.js'

/** Reads the file as serve would, and says what it found: 0 when serve would start with it, 1 when not. */
export function check(file: string, isJson: boolean, terminal: Terminal): ExitCode {
  const { findings, plan } = examine(file)
  if (isJson) terminal.out(`${JSON.stringify({ file, findings, plan })}\n`)
  else for (const line of [...findings, ...plan]) terminal.out(`${line}\n`)
  return findings.length === 0 ? 0 : 1
}

function examine(file: string): { readonly findings: readonly string[]; readonly plan: readonly string[] } {
  try {
    return { findings: [], plan: planOf(readSettings(file)) }
  } catch (error) {
    if (error instanceof ConfigurationError)
      return { findings: error.findings.map((finding) => `${file}: ${finding}`), plan: [] }
    throw error
  }
}

/** What serve would do, in sentences. */
function planOf(settings: Settings): readonly string[] {
  const { store, uploadPurging } = settings
  return [
    `the store is ${store.root}${store.id === undefined ? '' : `, and must have the id ${store.id}`}`,
    ...settings.listeners.map(
      ({ address, view, anonymous }) =>
        `listens on ${addressName(address)} with the view ${view}; without a login: ${anonymous}`,
    ),
    ...settings.operations.map(
      ({ address, metricsPath }) =>
        `serves health ${metricsPath === undefined ? '' : `and metrics (${metricsPath}) `}on ${addressName(address)}`,
    ),
    `deleting is ${settings.deletesOn ? 'on' : 'off'}`,
    uploadPurging.isOn
      ? `uploads end unfinished after ${uploadPurging.ageMs / 3_600_000} hours`
      : 'unfinished uploads stay for ever',
  ]
}
