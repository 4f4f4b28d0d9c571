import { Option, type Command } from 'commander'

import { ADMIN_TOKEN_ROUTES as ROUTES } from '../../access/admin-token.schema.js'
import { RIGHTS } from '../../access/right.js'
import { apiCommand, group, PAGE_OPTIONS, type PageOptions, type Run } from '../command.js'
import { pageShown } from '../output.js'

interface TokenOptions {
  readonly rights: string
  readonly until?: string
}

export function addTokens(program: Command, run: Run): void {
  const tokens = group(program, 'tokens', 'Who may call this API.')
  apiCommand<PageOptions>(tokens, run, {
    usage: 'ls',
    description: 'Lists them, without themselves.',
    examples: ['entrepot tokens ls'],
    options: PAGE_OPTIONS,
    run: async ({ call, options: { limit, after } }) =>
      pageShown(
        await call(ROUTES.list, { query: { limit, after } }),
        ['NAME', 'RIGHTS', 'UNTIL', 'MADE'],
        ({ name, rights, until = '', createdAt }) => [name, rights, until, createdAt],
      ),
  })
  apiCommand<TokenOptions>(tokens, run, {
    usage: 'create <name>',
    description: 'Makes one, and shows it once.',
    examples: [
      'entrepot tokens create grafana --rights read',
      'entrepot tokens create ci --rights operate --until 2027-01-31T18:00:00Z',
    ],
    options: [
      new Option('--rights <rights>', 'each includes those before it').choices(RIGHTS).makeOptionMandatory(),
      new Option('--until <time>', 'when it ends: 2027-01-31T18:00:00Z'),
    ],
    run: async ({ call, args: [name = ''], options: { rights, until } }) => {
      const body = { name, rights, ...(until !== undefined && { until }) }
      const made = await call(ROUTES.create, { body })
      return { value: made, text: `The token ${name}, shown this once:\n${made.token}` }
    },
  })
  apiCommand(tokens, run, {
    usage: 'rm <name>',
    description: 'Takes one back: it is wrong from then on.',
    examples: ['entrepot tokens rm grafana'],
    run: async ({ call, args: [name = ''] }) => {
      await call(ROUTES.remove, { path: { name } })
      return { text: `The token ${name} is taken back.` }
    },
  })
}
