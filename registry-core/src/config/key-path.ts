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

const SECRET = /secret|password|authorization/i
/** Sent to others, unlike `http.headers`. */
const HEADERS = /(?:endpoints|notifications|health).*\bheaders\b/i
/** Where a hash, or the password itself, may stand by mistake. */
const ACCOUNT = /^access accounts(?: [0-9]+)?$/
/** A user and a password before a host; a password may have any letter. */
const USERINFO = /\/\/[^]*@/g
/** Where somebody may have written a password without `//` before it. */
const DIALED = /urls|remoteurl|proxy/i

/** Whether a value may be a secret or have one in it, by its place and the names in it. */
export function mayBeSecret(path: KeyPath, value: unknown): boolean {
  const place = path.map(String).join(' ')
  const named = `${place} ${typeof value === 'object' ? JSON.stringify(value) : ''}`
  return SECRET.test(named) || HEADERS.test(named) || ACCOUNT.test(place)
}

/** A value as a sentence shows it: enough to find the place, and no secret. */
export function shown(path: KeyPath, value: unknown): string {
  if (mayBeSecret(path, value)) return 'not shown'
  const text = withoutUserinfo(JSON.stringify(value) ?? 'nothing')
  if (DIALED.test(keyText(path) + text) && /[^…]@/.test(text)) return 'not shown'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** Addresses in a text, without the name and password that they may have. */
export function withoutUserinfo(text: string): string {
  return text.replaceAll(USERINFO, '//…@')
}
