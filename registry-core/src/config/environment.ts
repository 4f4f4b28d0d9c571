import { keyText, type KeyPath, type Origins } from './key-path.js'
import { type KeyNode, KNOWN_KEYS } from './known-keys.js'
import type { Notice } from './notice.js'
import { CHOICES, MAPS, NAMES_IN_VARIABLES } from './registry2.js'
import { describeSettings } from './schema.js'
import { isMap, readYaml } from './yaml-text.js'

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'REGISTRY_'
/** Not of the file, but which file. */
const PATH_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'
/** What Kubernetes and links of Docker set for a service called registry, or registry-something. */
const INJECTED = /(?:_PORT|_SERVICE_HOST|_SERVICE_PORT)(?:_|$)/

/** A file with what the environment says instead. */
export interface Overridden {
  readonly file: unknown
  readonly origins: Origins
  readonly notices: readonly Notice[]
  /** Sentences; one of them stops the start. */
  readonly refusals: readonly string[]
}

/**
 * `REGISTRY_HTTP_ADDR` overrides `http.addr`, `REGISTRY_HTTP_HEADERS_X-Frame-Options` a header, `REGISTRY_STORAGE_DELETE`
 * a whole section; the values are YAML. Sorted by name, so that what is said of a section comes before its parts.
 */
export function override(file: unknown, environment: Environment): Overridden {
  const origins = new Map<string, string>()
  const notices: Notice[] = []
  const refusals: string[] = []
  let overridden = file
  for (const variable of Object.keys(environment).toSorted()) {
    if (!variable.startsWith(PREFIX) || variable === PATH_VARIABLE) continue
    const path = pathOf(variable.slice(PREFIX.length).split('_'), file)
    if (path === undefined) {
      notices.push(unknownVariable(variable))
      continue
    }
    const reading = readYaml(environment[variable] ?? '')
    if ('errors' in reading) refusals.push(`${variable} is not YAML: ${reading.errors.join('; ')}`)
    else {
      overridden = setAt(overridden, path, reading.value, [])
      origins.set(keyText(path), variable)
    }
  }
  return { file: overridden, origins, notices, refusals }
}

function unknownVariable(variable: string): Notice {
  const isInjected = INJECTED.test(variable)
  return {
    kind: isInjected ? 'accepted' : 'unknown',
    key: variable,
    sentence: `the variable ${variable} names no key and has no effect${isInjected ? ': a service of that name sets it' : ''}`,
  }
}

/** Where a variable points to in the file, going along the known keys in any case; undefined when nowhere. */
function pathOf(segments: readonly string[], file: unknown): KeyPath | undefined {
  let node = KNOWN_KEYS
  const path: PropertyKey[] = []
  for (const [at, segment] of segments.entries()) {
    if (node.verdict !== undefined) return pathBelow(node, path, segments.slice(at), file)
    const name = segment.toLowerCase()
    const known = NAMES_IN_VARIABLES[`${node.key}.${name}`] ?? name
    const isItem = node.children.has('[]') && /^[0-9]{1,3}$/.test(segment)
    const child = node.children.get(isItem ? '[]' : known)
    if (child === undefined) return undefined
    path.push(isItem ? Number(segment) : known)
    node = child
  }
  return path
}

/** Below a key of the table: any name in a map, nothing in a value; below a section of ours, what the schema has. */
function pathBelow(
  node: KeyNode,
  path: KeyPath,
  rest: readonly string[],
  file: unknown,
): KeyPath | undefined {
  if (MAPS.has(node.key)) {
    // Field names as Distribution makes them; a header's capital letters mean nothing, and stay readable.
    const name = node.key === 'log.fields' ? rest.join('_').toLowerCase() : rest.join('_')
    const names = Object.keys(mapAt(file, path))
    return [...path, names.find((one) => one.toLowerCase() === name.toLowerCase()) ?? name]
  }
  const below = [...path, ...rest.map((segment) => segment.toLowerCase())]
  switch (node.verdict?.kind) {
    case 'ours': {
      const key = below.join('.')
      const isKnown = describeSettings().some((one) => one.key === key || one.key.startsWith(`${key}.`))
      return isKnown ? below : undefined
    }
    case 'accepted':
    case 'refused':
      return below
    default:
      return undefined
  }
}

function mapAt(file: unknown, path: KeyPath): Readonly<Record<string, unknown>> {
  let value = file
  for (const part of path) value = isMap(value) ? value[String(part)] : undefined
  return isMap(value) ? value : {}
}

/** A copy with another value there; maps and lists on the way are made where they are missing. */
function setAt(value: unknown, path: KeyPath, set: unknown, above: KeyPath): unknown {
  const [part, ...rest] = path
  if (part === undefined) return set
  const here = [...above, part]
  if (typeof part === 'number') {
    const items: readonly unknown[] = Array.isArray(value) ? value : []
    // As in Distribution, a variable may change an item or append the next one.
    return items.toSpliced(Math.min(part, items.length), 1, setAt(items[part], rest, set, here))
  }
  const isChosen = typeof value === 'string' && CHOICES.has(keyText(above))
  const map = isMap(value) ? value : isChosen ? { [value]: {} } : {}
  const name = String(part)
  return { ...map, [name]: setAt(map[name], rest, set, here) }
}
