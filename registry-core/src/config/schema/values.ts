import { z } from 'zod'
import { ADDRESS_FORM, findTcpAddress } from '../address.js'
import { DURATION_FORM, findDurationMs } from '../duration.js'
import { findSizeBytes, SIZE_FORM } from '../size.js'

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
