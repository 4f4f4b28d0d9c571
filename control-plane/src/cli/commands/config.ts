import type { Command } from 'commander'

import { CONFIGURATION_ROUTES as ROUTES, type ConfigurationDiff } from '../../front/configuration.schema.js'
import { apiCommand, group, PAGE_OPTIONS, type PageOptions, type Run } from '../command.js'
import { coloured, pageShown, printable, type Shown } from '../output.js'

export function addConfig(program: Command, run: Run): void {
  const config = group(program, 'config', 'What was in force when, and the way back.')
  apiCommand<PageOptions>(config, run, {
    usage: 'history',
    description: 'Lists what was tried, the newest first, and what became of it.',
    examples: ['entrepot config history --limit 10'],
    options: PAGE_OPTIONS,
    run: async ({ call, options: { limit, after } }) =>
      pageShown(
        await call(ROUTES.list, { query: { limit, after } }),
        ['ID', 'AT', 'BY', 'CHANGE', 'OUTCOME'],
        ({ id, at, author, reason, outcome, cause }) => [
          ...[String(id), at, author, reason, cause === undefined ? outcome : `${outcome}: ${cause}`],
        ],
      ),
  })
  apiCommand(config, run, {
    usage: 'diff <id>',
    description: 'Shows what one has changed in the files of nginx and the registry.',
    examples: ['entrepot config diff 17'],
    run: async ({ call, args: [id = ''], terminal }) =>
      diffShown(await call(ROUTES.diff, { path: { id } }), terminal.isSeen),
  })
  apiCommand(config, run, {
    usage: 'rollback <id>',
    description: 'Goes back to one: everything that was meant then is meant again.',
    examples: ['entrepot config rollback 16'],
    run: async ({ call, args: [id = ''] }) => {
      await call(ROUTES.rollback, { path: { id } })
      return { text: `What was meant in ${id} is in force again.` }
    },
  })
}

function diffShown(row: ConfigurationDiff, isSeen: boolean): Shown {
  const { id, at, author, reason, outcome, cause, diff } = row
  const head = `${id}  ${at}  ${author}  ${reason}: ${outcome}${cause === undefined ? '' : `, ${cause}`}`
  const lines = diff === '' ? ['No file has changed.'] : diff.trimEnd().split('\n').map(printable)
  const body = lines.map((line) => {
    if (/^\+(?!\+\+)/.test(line)) return coloured(line, 'green', isSeen)
    return /^-(?!--)/.test(line) ? coloured(line, 'red', isSeen) : line
  })
  return { value: row, text: [printable(head), ...body].join('\n') }
}
