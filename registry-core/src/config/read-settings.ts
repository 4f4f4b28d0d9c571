import { readFileSync } from 'node:fs'
import { errorCode } from '../store/fs.js'
import { ConfigurationError } from './configuration-error.js'
import { type Environment, override } from './environment.js'
import { settingsSchema } from './schema.js'
import { findingsOf } from './schema-findings.js'
import type { Settings } from './settings.js'
import { sortKeys } from './sort-keys.js'
import type { ReadText } from './to-mirrors.js'
import { toSettings } from './to-settings.js'
import { readYaml } from './yaml-text.js'

/** Reads the file, with what the `REGISTRY_*` variables say instead. @throws ConfigurationError */
export function readSettings(file: string, environment: Environment): Settings {
  const read = readText(file)
  if ('why' in read) throw new ConfigurationError(file, [read.why])
  return parseSettings(file, read.text, environment)
}

const readText: ReadText = (path) => {
  try {
    return { text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = errorCode(error)
    return { why: code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})` }
  }
}

/**
 * YAML, then the environment, then the table of registry:2's keys (sort-keys.ts), then the schema for what is left, then
 * the files of certificates that it names.
 * @throws ConfigurationError with every finding
 */
export function parseSettings(file: string, text: string, environment: Environment = {}): Settings {
  const reading = readYaml(text)
  if ('errors' in reading)
    throw new ConfigurationError(
      file,
      reading.errors.map((error) => `it is not YAML: ${error}`),
    )
  const overridden = override(reading.value, environment)
  const { origins } = overridden
  const sorted = sortKeys(overridden.file, origins)
  const repeated = reading.repeated.map((sentence) => ({ kind: 'repeated', key: '', sentence }) as const)
  const notices = [...repeated, ...sorted.notices, ...overridden.notices]
  const parsed = settingsSchema.safeParse(sorted.value)
  const issues = parsed.error?.issues ?? []
  const findings = [
    ...overridden.refusals,
    ...sorted.refusals,
    ...issues.flatMap((issue) => findingsOf(issue, sorted.value, origins)),
  ]
  if (findings.length > 0 || !parsed.success) throw new ConfigurationError(file, findings, notices)
  const { honoured } = sorted
  return toSettings(file, parsed.data, { reading: { honoured, notices }, readText })
}
