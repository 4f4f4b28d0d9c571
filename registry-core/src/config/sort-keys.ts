import { type KeyPath, keyText, keyWithOrigin, type Origins } from './key-path.js'
import { KNOWN_KEYS, type KeyNode } from './known-keys.js'
import { misplacedSentence } from './misplaced.js'
import type { Notice } from './notice.js'
import { CHOICES } from './registry2.js'
import { isMap } from './yaml-text.js'

/** What a file says, by what becomes of it. */
export interface SortedKeys {
  /** What is left for the schema: honoured keys and ours. */
  readonly value: unknown
  readonly honoured: readonly string[]
  readonly notices: readonly Notice[]
  /** Sentences; one of them stops the start. */
  readonly refusals: readonly string[]
}

/** Goes through the file along the table of registry2.ts. A key without a value counts as missing, as in registry:2. */
export function sortKeys(file: unknown, origins: Origins): SortedKeys {
  const sorter = new Sorter(origins)
  const value = isMap(file) ? sorter.map(file, KNOWN_KEYS, []) : file
  return { value, honoured: sorter.honoured, notices: sorter.notices, refusals: sorter.refusals }
}

class Sorter {
  readonly honoured: string[] = []
  readonly notices: Notice[] = []
  readonly refusals: string[] = []
  readonly #origins: Origins

  constructor(origins: Origins) {
    this.#origins = origins
  }

  map(
    value: Readonly<Record<string, unknown>>,
    node: KeyNode,
    path: KeyPath,
  ): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, given]) => {
        const child = CHOICES.has(node.key) ? (given ?? {}) : given
        if (child === null || child === undefined) return []
        const kept = this.#child(name, child, node, [...path, name])
        return kept === undefined ? [] : [[name, kept]]
      }),
    )
  }

  /** What the schema gets of a key; undefined: nothing. */
  #child(name: string, value: unknown, parent: KeyNode, path: KeyPath): unknown {
    const node = parent.children.get(name)
    if (node === undefined) return this.#unknown(path, value)
    const { verdict } = node
    switch (verdict?.kind) {
      case undefined:
        return this.#section(value, node, path)
      case 'ours':
      case 'honoured':
        this.honoured.push(keyText(path))
        return value
      case 'accepted':
        this.#notice('accepted', path, `is accepted and has no effect: ${verdict.why}`)
        return undefined
      case 'refused':
        this.refusals.push(`${keyWithOrigin(path, this.#origins)} is refused: ${verdict.why}`)
        return undefined
    }
  }

  #section(value: unknown, node: KeyNode, path: KeyPath): unknown {
    if (CHOICES.has(node.key) && typeof value === 'string') return this.map({ [value]: {} }, node, path)
    if (isMap(value)) {
      const kept = this.map(value, node, path)
      // A section with nothing in it is missing, as in registry:2; below, `filesystem: {}` says which.
      return path.length === 1 && Object.keys(kept).length === 0 ? undefined : kept
    }
    const items = node.children.get('[]')
    if (!Array.isArray(value) || items === undefined) return value // the schema says what it should be
    return value.map((item: unknown, at) => (isMap(item) ? this.map(item, items, [...path, at]) : item))
  }

  #unknown(path: KeyPath, value: unknown): undefined {
    if (isUnknownAuth(path)) {
      // Passed over, it would let everybody in; registry:2 does not start with one either.
      this.refusals.push(
        `${keyWithOrigin(path, this.#origins)} is no kind of auth; allowed is htpasswd or token`,
      )
      return
    }
    const misplaced = misplacedSentence(path, value)
    if (misplaced === undefined) this.#notice('unknown', path, 'is no key of registry:2 and has no effect')
    else this.#notice('misplaced', path, misplaced)
  }

  #notice(kind: Notice['kind'], path: KeyPath, rest: string): void {
    this.notices.push({ kind, key: keyText(path), sentence: `${keyWithOrigin(path, this.#origins)} ${rest}` })
  }
}

function isUnknownAuth([section, name, ...rest]: KeyPath): boolean {
  return section === 'auth' && rest.length === 0 && String(name).toLowerCase() !== 'none'
}
