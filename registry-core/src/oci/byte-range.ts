/** Bytes `first` to `last`, both inclusive. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** A header of more ranges than any client needs is answered as if it were damaged (attack row 23). */
const MAX_HEADER_LENGTH = 4096

/**
 * What a `Range` header asks of content of `sizeBytes` (RFC 9110 §14.2). Several ranges are answered by the one that
 * covers them all. `undefined`: no range of bytes is asked for, send everything.
 */
export function parseByteRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  if (header === undefined || !/^bytes=/i.test(header)) return undefined
  if (header.length > MAX_HEADER_LENGTH) return 'unsatisfiable'
  let first = Number.POSITIVE_INFINITY
  let last = -1
  for (const part of header.slice('bytes='.length).split(',')) {
    const range = resolve(part.trim(), sizeBytes)
    if (range === 'malformed') return 'unsatisfiable'
    if (range === undefined) continue
    first = Math.min(first, range.first)
    last = Math.max(last, range.last)
  }
  return last < 0 ? 'unsatisfiable' : { first, last }
}

/** One `first-last`, `first-` or `-length`; undefined when it lies outside the content. */
function resolve(part: string, sizeBytes: number): ByteRange | undefined | 'malformed' {
  const match = /^([0-9]{0,40})-([0-9]{0,40})$/.exec(part)
  const [from, to] = [match?.[1], match?.[2]]
  if (from === undefined || to === undefined || from + to === '') return 'malformed'
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes)
    return length === 0 ? undefined : { first: sizeBytes - length, last: sizeBytes - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return 'malformed'
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1)
  return first >= sizeBytes ? undefined : { first, last }
}
