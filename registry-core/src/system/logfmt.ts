/** A value that needs no quotes in a text line, by the rules of logrus (what registry:2 writes with). */
const PLAIN = /^[A-Za-z0-9\-._/@^+]+$/

/** `key="value"` pairs as logrus writes them: keys sorted, values quoted where they must be. */
export function logfmt(fields: Readonly<Record<string, unknown>>): string {
  return Object.keys(fields)
    .toSorted()
    .filter((key) => fields[key] !== undefined)
    .map((key) => `${key}=${quoted(fields[key])}`)
    .join(' ')
}

/** The text as it may stand in a line; line ends and escape sequences of a client stay harmless (attack row 75). */
export function quoted(value: unknown): string {
  const text = textOf(value)
  return PLAIN.test(text) ? text : escaped(text)
}

/** Of an error all that it says: as JSON it would be empty. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return Error.isError(value) ? (value.stack ?? value.message) : (JSON.stringify(value) ?? '')
}

function escaped(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\x7f-\x9f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A duration as Go prints it: `56.724µs`, `1.053ms`, `2.5s`. */
export function goDuration(ms: number): string {
  if (ms < 1) return `${round(ms * 1000)}µs`
  if (ms < 1000) return `${round(ms)}ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${round(seconds)}s`
  const minutes = Math.floor(seconds / 60)
  const rest = `${round(seconds - minutes * 60)}s`
  return minutes < 60 ? `${minutes}m${rest}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
