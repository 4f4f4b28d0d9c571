import { readFileSync } from 'node:fs'

/** What a registry does instead of what a check wants, and a part of the message by which that shows. */
export interface KnownFailure {
  readonly instead: string
  readonly seen: string
}

/** By the title of the check. */
export type KnownFailures = ReadonlyMap<string, KnownFailure>

/** Reads a table of three columns (check, what it does instead, `what is seen`) out of a page in test/api. */
export function readDifferences(page: string): KnownFailures {
  const text = readFileSync(new URL(`../../../api/${page}`, import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('`'))
  return new Map(
    rows.map((row) => {
      const [, title = '', instead = '', seen = ''] = /^\| (.*) \| (.*) \| `(.*)` \|$/.exec(row) ?? []
      if (title === '' || seen === '') throw new Error(`${page}: not a row: ${row}`)
      return [title, { instead, seen }]
    }),
  )
}
