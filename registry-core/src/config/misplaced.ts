import { stringify } from 'yaml'
import { type KeyPath, mayBeSecret, withoutUserinfo } from './key-path.js'
import { eachNode, KNOWN_KEYS, type KeyNode } from './known-keys.js'

/** Names that stand in so many places that one by itself says nothing. */
const VAGUE: ReadonlySet<string> = new Set(['disabled', 'enabled', 'interval', 'realm'])

/**
 * Where a key that stands nowhere in the table belongs, with the line to paste; undefined when its name is not known
 * either. It is the place nearest to where it stands: `enabled` under storage is that of storage.delete.
 */
export function misplacedSentence(path: KeyPath, value: unknown): string | undefined {
  const places = placesOf(String(path.at(-1)).toLowerCase()).map((node) => node.key.split('.'))
  if (places.length === 0) return undefined
  const parent = path.slice(0, -1).map(String)
  const ranked = places
    .map((place) => ({ place, near: sharedLength(place, parent), depth: place.length }))
    .toSorted((a, b) => b.near - a.near || a.depth - b.depth)
  const [best, second] = ranked
  if (best === undefined) return undefined
  const isTied = second !== undefined && second.near === best.near && second.depth === best.depth
  if (isTied || (VAGUE.has(String(path.at(-1))) && best.near === 0)) return severalPlaces(places)
  return `stands in the wrong place and has no effect; write ${lineOf(best.place, value)}`
}

/** Places of that name with a use; not those inside lists, which nobody can guess. */
function placesOf(name: string): readonly KeyNode[] {
  return [...eachNode(KNOWN_KEYS)].filter(
    ({ key, verdict }) =>
      (key === name || key.endsWith(`.${name}`)) && !key.includes('[]') && verdict?.kind !== 'refused',
  )
}

function severalPlaces(places: readonly (readonly string[])[]): string {
  const keys = places.map((place) => place.join('.')).toSorted()
  return `stands in the wrong place and has no effect; it may be ${keys.join(', or ')}`
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((part, at) => part !== b[at])
  return differs === -1 ? a.length : differs
}

/** `storage: {delete: {enabled: true}}`; a secret is for the person to fill in. */
function lineOf(place: readonly string[], value: unknown): string {
  const text = mayBeSecret(place, value) ? '…' : withoutUserinfo(flow(value))
  const [first, ...rest] = place
  return `${first}: ${rest.reduceRight((inner, part) => `{${part}: ${inner}}`, text)}`
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim()
}
