import type { z } from 'zod'

/** Keys that registry:2 or the design has, and this version has not. */
const LATER: ReadonlySet<string> = new Set([
  'access.accounts',
  'access.immutable',
  'auth',
  'compatibility',
  'health',
  'http.host',
  'http.http2',
  'http.prefix',
  'http.relativeurls',
  'http.tls',
  'log.hooks',
  'loglevel',
  'middleware',
  'mirrors',
  'notifications',
  'overlay',
  'policy',
  'proxy',
  'redis',
  'reporting',
  'storage.cache',
  'storage.filesystem.maxthreads',
  'storage.inmemory',
  'storage.maintenance.readonly',
  'storage.redirect',
  'storage.tag',
  'validation',
])

/** Keys that people put in the wrong place, and the line that they mean. */
const MISPLACED: ReadonlyMap<string, string> = new Map([
  ['delete', 'storage: {delete: {enabled: true}}'],
  ['maintenance', 'storage: {maintenance: …}'],
  ['filesystem', 'storage: {filesystem: …}'],
  ['headers', 'http: {headers: …}'],
  ['addr', 'http: {addr: …}'],
])

/** What is wrong, as sentences: the key, what was found, what is allowed. */
export function sentenceOf(issue: z.core.$ZodIssue, file: unknown): readonly string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...issue.path, key]))
  const key = keyText(issue.path)
  const found = valueAt(file, issue.path)
  if (issue.code === 'invalid_key') return [`${key} is not ${issue.issues[0]?.message ?? 'allowed'}`]
  const allowed = `allowed is ${issue.message}`
  if (key === '') return [`it is empty, or no map; ${allowed}`]
  return [found === undefined ? `${key} is missing; ${allowed}` : `${key} is ${shown(found)}; ${allowed}`]
}

function unknownKey(path: readonly PropertyKey[]): string {
  const key = keyText(path)
  const meant = MISPLACED.get(key)
  if (meant !== undefined) return `${key} stands in the wrong place; write ${meant}`
  if (LATER.has(key)) return `${key} comes with a later version; take it out`
  return `${key} is not a setting; docs/reference/settings.md lists them all`
}

function keyText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

function valueAt(file: unknown, path: readonly PropertyKey[]): unknown {
  let value = file
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

/** Never a whole document: enough to find the place. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
