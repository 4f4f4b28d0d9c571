import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { errorCode } from '../store/fs.js'
import { ConfigurationError } from './configuration-error.js'
import { type Environment, override } from './environment.js'
import { keyWithOrigin, type KeyPath, type Origins, shown } from './key-path.js'
import { settingsSchema } from './schema.js'
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

/** What the schema says is wrong, as sentences: the key, what was found, what is allowed. */
function findingsOf(issue: z.core.$ZodIssue, file: unknown, origins: Origins): readonly string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...issue.path, key], origins))
  const key = keyWithOrigin(issue.path, origins)
  const found = valueAt(file, issue.path)
  if (issue.code === 'invalid_key') return [`${key} is not ${issue.issues[0]?.message ?? 'allowed'}`]
  const allowed = `allowed is ${issue.message}`
  if (key === '') return [`it is empty, or no map; ${allowed}`]
  if (found === undefined) return [`${key} is missing; ${allowed}`]
  return [`${key} is ${shown(issue.path, found)}; ${allowed}`]
}

function unknownKey(path: KeyPath, origins: Origins): string {
  return `${keyWithOrigin(path, origins)} is not a setting; docs/reference/settings.md lists them all`
}

function valueAt(file: unknown, path: KeyPath): unknown {
  let value = file
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}
