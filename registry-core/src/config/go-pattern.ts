/** What a pattern may look like, for a person who wrote another. */
export const PATTERN_FORM = "a regular expression in Go's syntax, without [[:classes:]] and \\Q"

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
