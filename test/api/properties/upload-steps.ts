import fc from 'fast-check'

import type { Algorithm } from '../../support/images.js'

/** How a body travels. */
export type Framing = 'length' | 'chunked'

/** One request to a session, in terms of what a client knows; `url` picks one of the Locations seen so far. */
export type Step =
  | { readonly kind: 'append'; readonly url: number; readonly size: number; readonly framing: Framing }
  | {
      readonly kind: 'chunk'
      readonly url: number
      readonly size: number
      readonly framing: Framing
      /** How far the chunk begins from where the session stands. */
      readonly shift: number
      /** How much longer its Content-Range is than its body. */
      readonly lie: number
    }
  | { readonly kind: 'status'; readonly url: number }
  | {
      readonly kind: 'close'
      readonly url: number
      readonly size: number
      readonly framing: Framing
      readonly digest: Algorithm | 'wrong' | 'malformed' | 'none'
      readonly range: 'none' | 'right' | 'shifted'
    }
  | { readonly kind: 'cancel'; readonly url: number }

const url = fc.nat({ max: 20 })
const size = fc.oneof(fc.constantFrom(0, 1), fc.nat({ max: 300 }), fc.integer({ min: 60_000, max: 140_000 }))
const framing = fc.constantFrom<Framing>('length', 'chunked')

const append = fc.record({ kind: fc.constant('append' as const), url, size, framing })
const chunk = fc.record({
  kind: fc.constant('chunk' as const),
  url,
  size: size.map((bytes) => Math.max(1, bytes)), // a Content-Range cannot say "nothing"
  framing,
  shift: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1, -50, 50, -100_000)),
  lie: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1, 70_000)),
})
const status = fc.record({ kind: fc.constant('status' as const), url })
const close = fc.record({
  kind: fc.constant('close' as const),
  url,
  size,
  framing,
  digest: fc.constantFrom<'sha256' | 'sha512' | 'wrong' | 'malformed' | 'none'>(
    'sha256',
    'sha512',
    'wrong',
    'malformed',
    'none',
  ),
  range: fc.oneof(
    { weight: 4, arbitrary: fc.constant('none' as const) },
    fc.constantFrom('right' as const, 'shifted' as const),
  ),
})
const cancel = fc.record({ kind: fc.constant('cancel' as const), url })

/** What a client may do to one session, in any order. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: append },
    { weight: 6, arbitrary: chunk },
    { weight: 2, arbitrary: status },
    { weight: 2, arbitrary: close },
    { weight: 1, arbitrary: cancel },
  ),
  { minLength: 1, maxLength: 12 },
)
