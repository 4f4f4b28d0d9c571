import { readFileSync } from 'node:fs'

import { Option } from 'commander'
import { parse } from 'yaml'

import { listOption } from './command.js'
import { usageError } from './failures.js'

/** Settings as they are typed: one by one, or in a file. */
export interface SettingsOptions {
  readonly setting?: readonly string[]
  readonly unset?: readonly string[]
  readonly file?: string
}

/** For `add` and `set`: every setting can be given, also one without an option of its own. */
export const SETTINGS_OPTIONS: readonly Option[] = [
  listOption('--setting <key=value>', 'any setting, its value in YAML; may be given several times'),
  new Option('-f, --file <file>', 'settings in YAML or JSON; - reads them from stdin'),
]

/** For `set` alone: null in the merge patch (RFC 7396). */
export const UNSET_OPTION = listOption('--unset <key>', 'as shipped again; may be given several times')

type Settings = Readonly<Record<string, unknown>>

/** All of them as one object; what stands on the line wins over the file. */
export async function settingsOf(
  { setting = [], unset = [], file }: SettingsOptions,
  read: () => Promise<string>,
): Promise<Settings> {
  const text = file === undefined ? undefined : file === '-' ? await read() : readText('--file', file)
  return {
    ...(text === undefined ? {} : mapOf(text)),
    ...Object.fromEntries(setting.map(pairOf)),
    ...Object.fromEntries(unset.map((key) => [key, null])),
  }
}

/** A file that an option names. @throws CommandFailed */
export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`${option}: ${Error.isError(error) ? error.message : String(error)}`)
  }
}

function mapOf(text: string): Settings {
  const value = yamlOf(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageError('--file: a map of keys and values is wanted')
  return value as Settings
}

function pairOf(text: string): [string, unknown] {
  const at = text.indexOf('=')
  if (at < 1) throw usageError(`--setting ${text}: write it as key=value`)
  return [text.slice(0, at), yamlOf(text.slice(at + 1))]
}

function yamlOf(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw usageError(`this is no YAML: ${Error.isError(error) ? error.message : String(error)}`)
  }
}
