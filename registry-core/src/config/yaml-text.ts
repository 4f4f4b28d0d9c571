import { parseDocument, visit } from 'yaml'

/** What a text in YAML holds, or why it holds nothing. */
export type YamlReading =
  | { readonly value: unknown; readonly repeated: readonly string[] }
  | { readonly errors: readonly string[] }

/**
 * Reads YAML as Go's parser does, as far as files of registry:2 can tell: the last of two equal keys counts, `<<`
 * merges, and a scalar keeps its own letters where they say more than its value (`0123`, `1.10`), since most keys
 * want a text. What `yes` and `0x1F` mean is for the key to say (schema/values.ts).
 */
export function readYaml(text: string): YamlReading {
  const document = parseDocument(text, { version: '1.2', merge: true })
  const errors = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY')
  if (errors.length > 0) return { errors: errors.map(({ message }) => withoutContent(message)) }
  visit(document, {
    Scalar(_, node) {
      if (node.type !== 'PLAIN' || node.source === undefined) return
      const { value } = node
      const isExact = typeof value === 'string' || value === null || JSON.stringify(value) === node.source
      if (!isExact) node.value = node.source
    },
  })
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    if (isCircular(value)) return { errors: ['an alias stands inside what it stands for'] }
    return {
      value,
      repeated: document.errors.map(
        ({ linePos }) => `line ${linePos?.[0].line ?? 0}: a key stands twice in one map; the last one counts`,
      ),
    }
  } catch (error) {
    return { errors: [Error.isError(error) ? withoutContent(error.message) : 'bad aliases'] }
  }
}

/** What a message quotes may be a password that needed quotes (`*x`, `>x`). */
function withoutContent(message: string): string {
  return message
    .split('\n', 1)
    .join('')
    .replace(/^(Unresolved alias|Block scalar header)([^:]*):.*$/, '$1$2: a text like that needs quotes')
}

/** A map of YAML; lists and scalars are none. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCircular(value: unknown): boolean {
  try {
    JSON.stringify(value)
    return false
  } catch {
    return true
  }
}
