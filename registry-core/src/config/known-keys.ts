import { REGISTRY2, type Verdict } from './registry2.js'

/** A place in the file: what may stand below it, and what becomes of it. */
export interface KeyNode {
  /** With dots, `[]` for what a list repeats; empty for the whole file. */
  readonly key: string
  /** `[]` is the child of a list. */
  readonly children: ReadonlyMap<string, KeyNode>
  /** Holds for all that stands below; `ours` leaves it to the schema. Missing in what is only a section. */
  readonly verdict: Verdict | { readonly kind: 'ours' } | undefined
}

/** Sections that registry:2 has not: the schema judges them whole, and what it does not know is refused. */
const OURS: ReadonlySet<string> = new Set(['access', 'internal', 'listeners', 'mirrors', 'overlay', 'store'])

/** Every key of registry:2 and every section of ours, as a tree. */
export const KNOWN_KEYS: KeyNode = makeTree()

function makeTree(): KeyNode {
  const root = emptyNode('')
  for (const { key, verdict } of REGISTRY2) nodeAt(root, segmentsOf(key)).verdict = verdict
  for (const key of OURS) nodeAt(root, [key]).verdict = { kind: 'ours' }
  return root
}

interface GrowingNode extends KeyNode {
  readonly children: Map<string, GrowingNode>
  verdict: KeyNode['verdict']
}

function emptyNode(key: string): GrowingNode {
  return { key, children: new Map(), verdict: undefined }
}

function nodeAt(root: GrowingNode, segments: readonly string[]): GrowingNode {
  let node = root
  for (const segment of segments) {
    let child = node.children.get(segment)
    if (child === undefined) {
      const dot = node.key === '' || segment === '[]' ? '' : '.'
      child = emptyNode(`${node.key}${dot}${segment}`)
      node.children.set(segment, child)
    }
    node = child
  }
  return node
}

/** `a[].b` → a, [], b */
function segmentsOf(key: string): readonly string[] {
  return key.replaceAll('[]', '.[]').split('.')
}

/** Every place below, and the place itself. */
export function* eachNode(node: KeyNode): Generator<KeyNode> {
  yield node
  for (const child of node.children.values()) yield* eachNode(child)
}
