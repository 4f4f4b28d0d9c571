/** A text that may stand in a rendered nginx file: only the functions of this file make one. */
export type DirectiveValue = string & { readonly __type: 'DirectiveValue' }

/** A setting that cannot be rendered: names the setting, what was found and what is allowed. */
export class SettingRefused extends Error {
  readonly setting: string
  readonly found: string

  constructor(setting: string, found: string, allowed: string) {
    super(`${setting}: ${JSON.stringify(found)} is refused; allowed is ${allowed}`)
    this.setting = setting
    this.found = found
  }
}

// What ends or bends an nginx directive: separators, quotes, blocks, escapes, comments, variables.
// Control characters and Unicode's other spaces have no business in a path or a name either.
const BENDS_A_DIRECTIVE = /[\s\p{C}\p{Z}"'`;{}\\#$]/u

/** Refuses whatever could end a directive or start another one: a setting is a word, never nginx syntax. */
export function directiveValue(setting: string, text: string): DirectiveValue {
  if (text === '' || BENDS_A_DIRECTIVE.test(text)) {
    throw new SettingRefused(
      setting,
      text,
      'a word without spaces, quotes, control characters and ; { } \\ # $',
    )
  }
  return text as DirectiveValue
}

/**
 * A regular expression of the core's contract, escaped for a double-quoted nginx word. It is a constant of the
 * release, never a setting: that is why it may hold what directiveValue refuses.
 */
export function quotedPattern(pattern: string): DirectiveValue {
  if (/[^ -~]/.test(pattern)) throw new SettingRefused('pattern', pattern, 'printable ASCII')
  return pattern.replaceAll('\\', '\\\\').replaceAll('"', '\\"') as DirectiveValue
}
