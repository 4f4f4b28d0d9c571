import type { ByteRange } from './byte-range.js'
import { RegistryError } from './failure.js'

const SHAPE = /^(?:bytes[ =])?([0-9]{1,16})-([0-9]{1,16})(?:\/(?:[0-9]{1,16}|\*))?$/

/**
 * Where a chunk belongs: `<first>-<last>` of the distribution-spec ("Pushing a blob in chunks"), or HTTP's own form
 * that some clients send.
 * @throws RegistryError `header-malformed`
 */
export function parseContentRange(text: string): ByteRange {
  const match = SHAPE.exec(text)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || last < first)
    throw new RegistryError('header-malformed', {
      header: 'Content-Range',
      found: text.slice(0, 100),
      allowed: '<first byte>-<last byte>',
    })
  return { first, last }
}
