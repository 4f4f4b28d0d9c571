import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { errorCode } from '../store/fs.js'
import { ConfigurationError } from './configuration-error.js'
import { sentenceOf } from './refusal.js'
import { settingsSchema } from './schema.js'
import type { Settings } from './settings.js'
import { toSettings } from './to-settings.js'

/** Reads the file, once. @throws ConfigurationError */
export function readSettings(file: string): Settings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why =
      errorCode(error) === 'ENOENT' ? 'there is no such file' : `it cannot be read (${errorCode(error)})`
    throw new ConfigurationError(file, [why])
  }
  return parseSettings(file, text)
}

/** @throws ConfigurationError */
export function parseSettings(file: string, text: string): Settings {
  const document = parseDocument(text, { version: '1.2' })
  if (document.errors.length > 0)
    throw new ConfigurationError(
      file,
      document.errors.map(({ message }) => `it is not YAML: ${message.split('\n', 1).join('')}`),
    )
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new ConfigurationError(file, [
      `it is not YAML: ${Error.isError(error) ? error.message : 'bad aliases'}`,
    ])
  }
  const parsed = settingsSchema.safeParse(value)
  if (!parsed.success)
    throw new ConfigurationError(
      file,
      parsed.error.issues.flatMap((issue) => sentenceOf(issue, value)),
    )
  return toSettings(file, parsed.data)
}
