import type { FieldProblem } from './product-error.js'

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
  /** Of zod, where keys stand that the schema does not know. */
  readonly keys?: readonly string[]
}

/** The findings of a schema with their places, as people write those. */
export function fieldProblems(
  issues: readonly Issue[],
  below: readonly PropertyKey[] = [],
): readonly FieldProblem[] {
  return issues.flatMap(({ message, path = [], keys }) => {
    const place = [...below, ...path.map((part) => (typeof part === 'object' ? part.key : part))]
    return keys === undefined
      ? [{ field: fieldName(place), message }]
      : keys.map((key) => ({ field: fieldName([...place, key]), message: 'there is no such field' }))
  })
}

function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
    .join('')
}
