import { styleText } from 'node:util'

import Table from 'cli-table3'
import { Document, visit } from 'yaml'

/** How an answer is written: for people, or for programs. */
export const OUTPUTS = ['table', 'json', 'yaml'] as const
export type Output = (typeof OUTPUTS)[number]

/** What a command has to say: the answer of the API, and the same for people. */
export interface Shown {
  /** Nothing where the API answers nothing. */
  readonly value?: unknown
  readonly text: string
  /** Why the command ends as if it were refused, although there is an answer: what was looked at is not well. */
  readonly finding?: string
}

const NO_LINES = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((place) => [place, '']),
)

/** The text of an answer in the form that was asked for. */
export function written({ value, text }: Shown, output: Output): string {
  if (output === 'table' || value === undefined) return output === 'table' ? `${text}\n` : ''
  return output === 'json' ? `${escaped(JSON.stringify(value, null, 2))}\n` : asYaml(value)
}

/** YAML in which no character of an answer can move the cursor of a terminal. */
export function asYaml(value: unknown): string {
  const document = new Document(value)
  visit(document, {
    Scalar(_key, scalar) {
      // Escapes mean something between these quotes only.
      if (typeof scalar.value === 'string' && escaped(scalar.value) !== scalar.value)
        scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return escaped(document.toString({ lineWidth: 0 }))
}

/** What a terminal obeys, or shows in another order, and neither JSON nor YAML escapes. */
const STEERING = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

function escaped(text: string): string {
  return text.replaceAll(
    STEERING,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** What stands in a column; with a colour where somebody sees it. */
export type Cell = string | { readonly text: string; readonly colour: 'green' | 'red' }

/** Columns without lines between them, as other tools of the trade have them. */
export function tableOf(head: readonly string[], rows: readonly (readonly Cell[])[], isSeen = false): string {
  const table = new Table({
    head: [...head],
    chars: { ...NO_LINES, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map((row) => row.map((cell) => cellText(cell, isSeen))))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function cellText(cell: Cell, isSeen: boolean): string {
  return typeof cell === 'string' ? printable(cell) : coloured(printable(cell.text), cell.colour, isSeen)
}

/** A page of a list; people are told of the next. */
export function pageShown<T>(
  page: { readonly items: readonly T[]; readonly next?: string | undefined },
  head: readonly string[],
  row: (item: T) => readonly string[],
): Shown {
  const table = page.items.length === 0 ? 'There is none.' : tableOf(head, page.items.map(row))
  const more = page.next === undefined ? '' : `\nThere are more: --after ${page.next}`
  return { value: page, text: `${table}${more}` }
}

/** Settings on one line: `freshFor=1h maxConnections=4`. */
export function onOneLine(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? firstLine(value) : JSON.stringify(value)}`)
    .join(' ')
}

/** In a colour, where somebody sees it. */
export function coloured(text: string, colour: 'green' | 'red' | 'yellow', isSeen: boolean): string {
  return isSeen ? styleText(colour, text, { validateStream: false }) : text
}

function firstLine(text: string): string {
  const [line = '', ...more] = text.split('\n')
  return more.length === 0 ? line : `${line}…`
}

/** What others have written must not move the cursor of whoever reads it. */
export function printable(text: string): string {
  return text
    .replaceAll(STEERING, '?')
    .replaceAll(/\p{Cc}/gu, (character) => (['\n', '\t'].includes(character) ? character : '?'))
}
