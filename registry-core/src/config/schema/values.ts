import { z } from 'zod'
import { ADDRESS_FORM, findTcpAddress } from '../address.js'

/*
 * The kinds of values that a key may have. A key's description is its line in docs/reference/settings.md; a message is
 * what is allowed, for the sentence that refuses a value.
 */

export const MAP = 'a map of keys and values'
export const PORTABLE_PATH = 'the path of a file'

/** What Go's parser takes for true and false besides YAML 1.2's own; capital letters do not matter here. */
const WORDS: Readonly<Record<string, boolean>> = {
  ...{ y: true, yes: true, on: true, true: true },
  ...{ n: false, no: false, off: false, false: false },
}

export const boolean = (description: string) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' ? (WORDS[value.toLowerCase()] ?? value) : value),
      z.boolean('true or false'),
    )
    .meta({ description })

/** Any scalar is a text where one is wanted: `secret: 12345` has five letters. */
const scalarText = <T extends z.ZodType>(schema: T) =>
  z.preprocess(
    (value) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value),
    schema,
  )

export const text = (description: string, form = 'a text that is not empty', shape = /^[^]/) =>
  scalarText(z.string(form).regex(shape, form)).meta({ description })
/** A list of texts. */
export const texts = (description: string, form = 'a list of texts', shape = /^[^]/) =>
  z.array(scalarText(z.string(form).regex(shape, form)), form).meta({ description })
/** A whole number, also as Go reads it: `0x1F`, `017`, `1_000`. */
export const integer = (description: string, form = 'a whole number') =>
  z
    .preprocess((value) => (typeof value === 'string' ? goInteger(value) : value), z.int(form))
    .meta({ description })
export const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, `one of ${values.join(', ')}`).meta({ description })

/** A text that a pure parser turns into a value, or refuses. */
export const parsed = <T>(find: (text: string) => T | undefined, form: string, description: string) =>
  z
    .union([z.string(), z.number()], form)
    .transform((value, context): T => {
      const found = find(String(value))
      if (found !== undefined) return found
      context.addIssue({ code: 'custom', message: form })
      return z.NEVER
    })
    .meta({ description })

const DURATION_SHAPE = /^(?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h|d))+$/
const DURATION_PART = /([0-9.]+)(ns|us|µs|ms|s|m|h|d)/g
const MS_OF: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** What a duration may look like, for a person who wrote another. */
const DURATION_FORM = 'a duration with ms, s, m, h or d (5m, 1h30m, 7d)'

/** The milliseconds of `5m` or `1h30m` (as Go writes durations, and days); undefined when it is no duration. */
export function findDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!DURATION_SHAPE.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(DURATION_PART)) ms += Number(number) * (MS_OF[unit ?? ''] ?? 0)
  return Math.round(ms)
}

const SIZE_SHAPE = /^([0-9]{1,15})(b|k|m|g|t)?$/i
const BYTES_OF: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/** What a size may look like, for a person who wrote another. */
const SIZE_FORM = 'a number of bytes, or one with k, m, g or t (500m)'

/** The bytes of `500m`; undefined when it is no size. */
export function findSizeBytes(text: string | number): number | undefined {
  const match = SIZE_SHAPE.exec(String(text))
  if (match === null) return undefined
  const bytes = Number(match[1]) * (BYTES_OF[(match[2] ?? 'b').toLowerCase()] ?? 1)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

export const duration = (description: string) => parsed(findDurationMs, DURATION_FORM, description)
export const size = (description: string) => parsed(findSizeBytes, SIZE_FORM, description)
export const address = (description: string) => parsed(findTcpAddress, ADDRESS_FORM, description)

export const anonymous = (description: string) => choice(['push', 'pull', 'none'], description)

function goInteger(text: string): unknown {
  const digits = text.replaceAll('_', '').replace(/^\+/, '')
  if (/^-?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0|[1-9][0-9]*)$/.test(digits))
    return Number(digits.replace('-', '')) * (digits.startsWith('-') ? -1 : 1)
  const octal = /^0o?([0-7]+)$/.exec(digits)
  return octal === null ? text : Number.parseInt(octal[1] ?? '', 8)
}
