import { createTwoFilesPatch } from 'diff'

/** What differs between two sets of files, as `diff -u` tells it; empty when nothing does. */
export function unifiedDiff(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .toSorted()
    .filter((path) => before[path] !== after[path])
    .map((path) => createTwoFilesPatch(path, path, before[path] ?? '', after[path] ?? '', 'before', 'after'))
    .join('')
}
