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

export const boolean = (description: string) => z.boolean('true or false').meta({ description })
export const text = (description: string, form = 'a text that is not empty') =>
  z.string(form).min(1, form).meta({ description })
export const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, `one of ${values.join(', ')}`).meta({ description })

/** A text that a pure parser turns into a value, or refuses. */
const parsed = <T>(find: (text: string) => T | undefined, form: string, description: string) =>
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
