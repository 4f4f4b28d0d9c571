/** Where a value stands: names of keys, numbers of list items. */
export type KeyPath = readonly PropertyKey[]

/** The variables that have set something, by the key that they set. */
export type Origins = ReadonlyMap<string, string>

/** `listeners[0].addr` */
export function keyText(path: KeyPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

/** The key, and the variable that has set it, if one has. */
export function keyWithOrigin(path: KeyPath, origins: Origins): string {
  const key = keyText(path)
  for (let length = path.length; length > 0; length -= 1) {
    const variable = origins.get(keyText(path.slice(0, length)))
    if (variable !== undefined) return `${key} (set by ${variable})`
  }
  return key
}

/** A value as a sentence shows it: enough to find the place, and no secret. */
export function shown(path: KeyPath, value: unknown): string {
  if (path.some((part) => /secret|password|authorization/i.test(String(part)))) return 'not shown'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
