import { readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'
import type { Command } from 'commander'

import { makeProgram } from '#control/cli/program.js'
import { nginxSettings } from '#control/front/nginx-settings.schema.js'
import { listFailures } from '#control/http/product-error.js'
import { ROUTES } from '#control/routes.js'

const DOCS = path.join(import.meta.dirname, '..', '..', '..', 'docs', 'reference')

/** The rows of the tables of a page that begin like this. */
function rowsOf(page: string, begin: RegExp): readonly string[] {
  return readFileSync(path.join(DOCS, page), 'utf8')
    .split('\n')
    .filter((line) => begin.test(line))
}

describe('docs/reference', () => {
  test('admin-api.md has every route, with what it does and the right that it needs', () => {
    const inCode = [...ROUTES.values()].map(
      ({ method, path: place, summary, needs }) => `| \`${method} ${place}\` | ${summary} | ${needs} |`,
    )
    expect(rowsOf('admin-api.md', /^\| `[A-Z]+ /)).toEqual(inCode)
  })

  test('admin-api.md has every problem, with its status', () => {
    const inCode = listFailures().map(
      ({ status, failure, title }) => `| ${status} | \`${failure}\` | ${title} |`,
    )
    expect(rowsOf('admin-api.md', /^\| \d+ \| /)).toEqual(inCode)
  })

  test('front.md has every setting of nginx, with its default', () => {
    const inCode = Object.entries(nginxSettings.parse({})).map(([key, value]) => {
      const shown =
        value === '' || (Array.isArray(value) && value.length === 0) ? 'none' : `\`${String(value)}\``
      return [`\`${key}\``, shown]
    })
    const [, table = ''] = readFileSync(path.join(DOCS, 'front.md'), 'utf8').split('| setting | default |')
    const [section = ''] = table.split('\n\n')
    const inDocs = [...section.matchAll(/^\| (`\w+`) \| (\S+) \|/gm)].map(([, key, value]) => [key, value])
    expect(inDocs).toEqual(inCode)
  })

  test('entrepot.md has every command, with what it does', () => {
    const inCode = commandsOf(makeCommands()).map(
      ([usage, command]) => `| \`${usage}\` | ${briefOf(command)} |`,
    )
    expect(rowsOf('entrepot.md', /^\| `/)).toEqual(inCode)
  })

  test('--help of every command has an example that is a command', async () => {
    for (const [usage] of commandsOf(makeCommands())) {
      const words = usage.replaceAll(/ <\w+>/g, '').split(' ')
      const help = await helpOf(words)
      expect(help).toContain(`Usage: entrepot ${words.join(' ')}`)
      expect(help).toMatch(new RegExp(String.raw`Examples:\n(?:.*\n)*? {2}\$ .*entrepot ${words.join(' ')}`))
    }
  })
})

function makeCommands(said: string[] = []): Command {
  const terminal = {
    ...{ isSeen: false, canAsk: false, out: (text: string) => void said.push(text), error: () => undefined },
    ...{ ask: async () => '', read: async () => '' },
  }
  return makeProgram({ terminal, environment: {} })
}

/** The sentences of its first line; the rest is for --help. */
function briefOf(command: Command): string {
  const [line = ''] = command.description().split('\n')
  return line.slice(0, line.lastIndexOf('.') + 1)
}

async function helpOf(words: readonly string[]): Promise<string> {
  const said: string[] = []
  await makeCommands(said)
    .parseAsync([...words, '--help'], { from: 'user' })
    .catch(() => undefined) // commander ends so
  return said.join('')
}

/** Those that do something, by what is typed. */
function commandsOf(command: Command, words: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((each): [string, Command][] => {
    const names = [...words, each.name()]
    const values = each.registeredArguments.map((argument) => `<${argument.name()}>`)
    return each.commands.length > 0 ? commandsOf(each, names) : [[[...names, ...values].join(' '), each]]
  })
}
