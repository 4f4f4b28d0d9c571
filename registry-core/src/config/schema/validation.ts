import { z } from 'zod'
import { boolean, MAP, parsed } from './values.js'

/** What a pattern may look like, for a person who wrote another. */
const PATTERN_FORM = "a regular expression in Go's syntax, without [[:classes:]] and \\Q"

/** A regular expression as Go writes it, which is ours but for some spellings; undefined when it is none. */
export function findPattern(text: string): RegExp | undefined {
  if (/\[\[:|\\[QEC]/.test(text)) return undefined
  const flags = /^\(\?([ims]+)\)/.exec(text)
  const source = text
    .slice(flags?.[0].length ?? 0)
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\\A/g, '^')
    .replaceAll(/\\z/g, '$')
  try {
    return new RegExp(source, [...new Set(flags?.[1])].join(''))
  } catch {
    return undefined // not ours either: the schema says what is allowed
  }
}

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
