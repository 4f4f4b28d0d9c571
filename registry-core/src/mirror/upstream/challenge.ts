/** One way to log in that a `WWW-Authenticate` header offers (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

/** Longer headers are not looked at: no honest one comes near. */
const LIMIT = 8192
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/
/** Realms are URLs, and some leave out the quotes that these need. */
const UNQUOTED = /^[^\s,"]+/
const QUOTED = /^"((?:[^"\\]|\\.)*)"/

/** Every challenge of the header, which may hold several; what cannot be read ends the list. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  if (header === undefined || header.length > LIMIT) return []
  const found: { scheme: string; parameters: Map<string, string> }[] = []
  let rest = header
  while ((rest = rest.replace(/^[\s,]+/, '')) !== '') {
    const name = TOKEN.exec(rest)?.[0]
    if (name === undefined) break
    rest = rest.slice(name.length)
    const equals = /^\s*=\s*/.exec(rest)
    if (equals === null) {
      found.push({ scheme: name.toLowerCase(), parameters: new Map() })
      continue
    }
    const after = rest.slice(equals[0].length)
    const quoted = QUOTED.exec(after)
    const value = quoted?.[1]?.replaceAll(/\\(.)/g, '$1') ?? UNQUOTED.exec(after)?.[0]
    const last = found.at(-1)
    if (value === undefined || last === undefined) break
    // Of two parameters of one name the first counts: a second one is somebody's trick.
    if (!last.parameters.has(name.toLowerCase())) last.parameters.set(name.toLowerCase(), value)
    rest = after.slice(quoted?.[0].length ?? value.length)
  }
  return found
}
