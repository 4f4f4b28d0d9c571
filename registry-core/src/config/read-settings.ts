import { readFileSync, statSync } from 'node:fs'
import type { z } from 'zod'
import { errorCode } from '../store/fs.js'
import { ConfigurationError } from './configuration-error.js'
import { type Environment, override } from './environment.js'
import { keyWithOrigin, type KeyPath, type Origins, shown } from './key-path.js'
import type { Notice } from './notice.js'
import { type ParsedFile, settingsSchema } from './schema.js'
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

/** Far more than every authority of a system. */
const MOST_NAMED_BYTES = 4 * 1024 * 1024

/** A file that the settings name. A process that serves reads it too, at a reload: nothing that may never end. */
const readNamed: ReadText = (path) => {
  const why = whyEndless(path)
  return why === undefined ? readText(path) : { why }
}

function whyEndless(path: string): string | undefined {
  try {
    const stat = statSync(path)
    if (!stat.isFile() && !stat.isDirectory()) return 'it is a pipe or a device, and no file'
    return stat.size > MOST_NAMED_BYTES ? 'it is larger than 4 MiB' : undefined
  } catch {
    return undefined // reading it says why not
  }
}

/**
 * What a text says, then the files of certificates that it names.
 * @throws ConfigurationError with every finding
 */
export function parseSettings(file: string, text: string, environment: Environment = {}): Settings {
  const { parsed, honoured, findings, notices } = parseText(text, environment)
  if (parsed === undefined) throw new ConfigurationError(file, findings, notices)
  return toSettings(file, parsed, { reading: { honoured, notices }, readText: readNamed })
}

/** What is in a text, and what it means. */
interface ParsedText {
  /** As YAML has it, before the schema; undefined when it is none. */
  readonly value: unknown
  /** Undefined when there are findings. */
  readonly parsed: ParsedFile | undefined
  readonly honoured: readonly string[]
  /** Sentences that name the key, what was found and what is allowed. */
  readonly findings: readonly string[]
  readonly notices: readonly Notice[]
}

/** YAML, then the environment, then the table of registry:2's keys (sort-keys.ts), then the schema for what is left. Pure. */
export function parseText(text: string, environment: Environment = {}): ParsedText {
  const reading = readYaml(text)
  if ('errors' in reading) {
    const findings = reading.errors.map((error) => `it is not YAML: ${error}`)
    return { value: undefined, parsed: undefined, honoured: [], findings, notices: [] }
  }
  const overridden = override(reading.value, environment)
  const { origins } = overridden
  const sorted = sortKeys(overridden.file, origins)
  const repeated = reading.repeated.map((sentence) => ({ kind: 'repeated', key: '', sentence }) as const)
  const notices = [...repeated, ...sorted.notices, ...overridden.notices]
  const { data, error } = settingsSchema.safeParse(sorted.value)
  const issues = error?.issues ?? []
  const findings = [
    ...overridden.refusals,
    ...sorted.refusals,
    ...issues.flatMap((issue) => findingsOf(issue, sorted.value, origins)),
  ]
  const parsed = findings.length > 0 ? undefined : data
  return { value: reading.value, parsed, honoured: sorted.honoured, findings, notices }
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
