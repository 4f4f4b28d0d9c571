import { z } from 'zod'
import { findPattern, PATTERN_FORM } from '../go-pattern.js'
import { boolean, MAP, parsed } from './values.js'

const PATTERNS = 'a list of regular expressions'
const pattern = parsed(findPattern, PATTERN_FORM, '')

const urls = z.strictObject(
  {
    allow: z
      .array(pattern, PATTERNS)
      .meta({
        description: 'Each URL of a layer kept elsewhere must match one of these regular expressions.',
      })
      .optional(),
    deny: z.array(pattern, PATTERNS).meta({ description: 'No such URL may match one of these.' }).optional(),
  },
  MAP,
)

/** `validation`: what pushed manifests may name. */
export const validation = z.strictObject(
  {
    enabled: boolean('The old opposite of disabled, which goes before it.').prefault(false),
    disabled: boolean('Take manifests with any URLs.').prefault(false),
    manifests: z.strictObject({ urls: urls.optional() }, MAP).prefault({}),
  },
  MAP,
)
