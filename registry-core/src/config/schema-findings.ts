import type { z } from 'zod'
import { keyWithOrigin, type KeyPath, type Origins, shown } from './key-path.js'

/** What the schema says is wrong, as sentences: the key, what was found, what is allowed. */
export function findingsOf(issue: z.core.$ZodIssue, file: unknown, origins: Origins): readonly string[] {
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
