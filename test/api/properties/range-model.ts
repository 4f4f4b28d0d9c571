import fc from 'fast-check'

/** What a registry must answer to a Range: a part, 416, or the whole. */
export type Expected = { readonly first: number; readonly last: number } | 'unsatisfiable' | 'whole'

/** One of the comma-separated parts. */
export type Part =
  | { readonly kind: 'closed'; readonly first: number; readonly last: number }
  | { readonly kind: 'open'; readonly first: number }
  | { readonly kind: 'suffix'; readonly length: number }

export function textOf(part: Part): string {
  if (part.kind === 'closed') return `${part.first}-${part.last}`
  return part.kind === 'open' ? `${part.first}-` : `-${part.length}`
}

/** RFC 9110 §14.2 for content of `size` bytes; several parts are answered by the one that covers them. */
export function expectedOf(parts: readonly Part[], size: number): Expected {
  if (parts.some((part) => part.kind === 'closed' && part.last < part.first)) return 'unsatisfiable'
  const within = parts.map((part) => boundsOf(part, size)).filter(({ first, last }) => first <= last)
  if (within.length === 0) return 'unsatisfiable'
  return {
    first: Math.min(...within.map(({ first }) => first)),
    last: Math.max(...within.map(({ last }) => last)),
  }
}

/** An empty span (first beyond last) when nothing of it lies within the content. */
function boundsOf(part: Part, size: number): { first: number; last: number } {
  if (part.kind === 'suffix')
    return { first: Math.max(0, size - part.length), last: part.length === 0 ? -1 : size - 1 }
  return { first: part.first, last: Math.min(size - 1, part.kind === 'open' ? size - 1 : part.last) }
}

/** Parts around the borders of the sizes that are tried. */
export function parts(size: number): fc.Arbitrary<readonly Part[]> {
  const position = fc.oneof(
    fc.nat({ max: size + 2 }),
    fc.constantFrom(0, Math.max(0, size - 1), size, size + 1),
    fc.nat({ max: 10 ** 15 }),
  )
  const part: fc.Arbitrary<Part> = fc.oneof(
    fc.record({ kind: fc.constant('closed' as const), first: position, last: position }),
    fc.record({ kind: fc.constant('open' as const), first: position }),
    fc.record({ kind: fc.constant('suffix' as const), length: position }),
  )
  return fc.oneof(
    { weight: 3, arbitrary: part.map((one) => [one]) },
    fc.array(part, { minLength: 2, maxLength: 5 }),
  )
}
