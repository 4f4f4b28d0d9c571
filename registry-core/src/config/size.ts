const SHAPE = /^([0-9]{1,15})(b|k|m|g|t)?$/i
const FACTORS: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/** What a size may look like, for a person who wrote another. */
export const SIZE_FORM = 'a number of bytes, or one with k, m, g or t (500m)'

/** The bytes of `500m`; undefined when it is no size. */
export function findSizeBytes(text: string | number): number | undefined {
  const match = SHAPE.exec(String(text))
  if (match === null) return undefined
  const bytes = Number(match[1]) * (FACTORS[(match[2] ?? 'b').toLowerCase()] ?? 1)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
