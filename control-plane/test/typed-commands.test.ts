import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'
import type { Command } from 'commander'

import { makeProgram } from '#control/cli/program.js'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')
const PAGES = execFileSync('git', ['ls-files', '*.md'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n')

const program = makeProgram({
  environment: {},
  terminal: {
    ...{ isSeen: false, canAsk: false, out: () => undefined, error: () => undefined },
    ...{ ask: async () => '', read: async () => '' },
  },
})

/** What a page has somebody type: indented lines, blocks, and between backticks. */
function typedIn(page: string): readonly string[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.split('\n'))
  const lines = [...text.matchAll(/^ {4,}(.*)$/gm)].map(([, line = '']) => line)
  const spans = [...text.matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map(([, span = '']) =>
    span.replaceAll('\n', ' '),
  )
  return [...blocks, ...lines, ...spans]
    .flatMap((each) => each.split(/&&|\||;|\$\(/))
    .flatMap((each) => /^(?:\$ )?(?:npx )?entrepot ([a-z].*)$/.exec(each.trim())?.[1] ?? [])
}

/** Why nobody can type it; `undefined` for what can be. */
function findFault(typed: string): string | undefined {
  const words = typed.split(/\s+/)
  let command: Command = program
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word)
    if (next === undefined) break
    command = next
  }
  if (command === program) return `no command: ${typed}`
  const options = ['--help', ...command.options.flatMap(({ long, short }) => [long, short])]
  const wrong = words
    .filter((word) => /^--?[a-z]/.test(word))
    .filter((word) => {
      const [name = ''] = word.split('=')
      return !options.includes(name)
    })
  return wrong.length === 0 ? undefined : `no option ${wrong.join(', ')}: ${typed}`
}

describe('what documents have somebody type', () => {
  test('is a command of entrepot, with options that it has', () => {
    const typed = PAGES.flatMap((page) => typedIn(page).map((each) => ({ page, each })))
    expect(typed.length).toBeGreaterThan(40)
    const faults = typed.flatMap(({ page, each }) => {
      const fault = findFault(each)
      return fault === undefined ? [] : [`${page}: ${fault}`]
    })
    expect(faults).toEqual([])
  })
})
