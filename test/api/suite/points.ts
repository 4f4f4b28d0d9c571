/**
 * What the suite has to answer for: the endpoints and rules of the OCI distribution specification (end-1 to end-14, with
 * those of the coming version), and the numbered attacks that can be seen over HTTP. Each has at least one check;
 * `coverage.test.ts` holds us to it.
 */
export const POINTS = [
  'end-1',
  'errors',
  'end-2',
  'empty blob',
  'range',
  'end-3',
  'end-4a',
  'end-4b',
  'end-5',
  'min chunk',
  'chunk order',
  'end-13',
  'end-6',
  'sha512',
  'end-11',
  'end-7',
  'sizes',
  'subject',
  'end-12a',
  'end-12b',
  'end-8a',
  'end-8b',
  'end-9',
  'end-10',
  'names',
  'warnings',
  '429',
  'content headers',
  'end-14',
  'end-7b',
  'end-4c',
  'ns',
  'catalog',
  ...attacks(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 25, 26, 27, 28),
  ...attacks(29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 75, 78),
] as const

export type Point = (typeof POINTS)[number]

function attacks<N extends number>(...numbers: readonly N[]): readonly `attack ${N}`[] {
  return numbers.map((number) => `attack ${number}` as const)
}
