/** A pattern of repository names or tags: `*` is any text inside one part, `**` one or more whole parts. */
export interface Glob {
  /** As it was written. */
  readonly text: string
  /** In time that the lengths of pattern and name bound, whatever either of them is. */
  matches(name: string): boolean
}

/** Made once, when the settings are read; `team/**` does not match `team`. */
export function compileGlob(text: string): Glob {
  if (text === '**') return { text, matches: () => true }
  if (!text.includes('*')) return { text, matches: (name) => name === text }
  const parts = text.split('/').flatMap((part) => (part === '**' ? ['*', '**'] : [part]))
  return { text, matches: (name) => matchesParts(parts, name.split('/')) }
}

function matchesParts(pattern: readonly string[], parts: readonly string[]): boolean {
  return fits(pattern, '**', parts.length, (glob, at) => matchesPart(glob, parts[at] ?? ''))
}

function matchesPart(glob: string, part: string): boolean {
  if (glob === '*' || glob === part) return true
  return glob.includes('*') && fits(glob, '*', part.length, (letter, at) => letter === part[at])
}

/**
 * Whether the elements fit the pattern, where `star` stands for any number of them. Only the last star is ever tried
 * again, so the time is the product of the two lengths at most.
 */
function fits(
  pattern: ArrayLike<string>,
  star: string,
  length: number,
  isOne: (element: string, at: number) => boolean,
): boolean {
  let [next, at, afterStar, resumeAt] = [0, 0, -1, 0]
  while (at < length) {
    const element = pattern[next]
    if (element === star) {
      next += 1
      afterStar = next
      resumeAt = at
    } else if (element !== undefined && isOne(element, at)) {
      next += 1
      at += 1
    } else if (afterStar >= 0) {
      next = afterStar
      resumeAt += 1
      at = resumeAt
    } else return false
  }
  while (pattern[next] === star) next += 1
  return next === pattern.length
}
