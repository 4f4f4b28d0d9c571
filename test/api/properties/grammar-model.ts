import fc from 'fast-check'

const NAME_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const NAME = new RegExp(`^${NAME_PART}(?:/${NAME_PART})*$`)
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** The specification's patterns, and its bound on the length of a name. */
export function isName(text: string): boolean {
  return text.length <= 255 && NAME.test(text)
}

export function isTag(text: string): boolean {
  return TAG.test(text)
}

/** Names near the border of the grammar: right parts and wrong ones, few characters, sometimes very long. */
export const nearlyNames: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9]{1,4}$/) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('.', '_', '__', '-', '--', '/', 'a/b', 'tags/list', 'blobs', 'manifests'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('___', '..', '.-', 'A', '//', '_manifests', 'x'.repeat(120), '~', ':'),
      },
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((pieces) => pieces.join(''))

export const nearlyTags: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9._-]{1,8}$/),
  fc.stringMatching(/^[a-zA-Z0-9._:~+-]{1,5}$/),
  fc.integer({ min: 126, max: 130 }).map((length) => 't'.repeat(length)),
)
