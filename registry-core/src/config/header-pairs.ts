type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** A header of several values stands once for each of them, in the order of the file. */
export function headerPairs(headers: Readonly<Record<string, readonly string[]>>): HeaderPairs {
  return Object.entries(headers).flatMap(([name, values]) => values.map((value) => [name, value] as const))
}
