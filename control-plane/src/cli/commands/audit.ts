import { Option, type Command } from 'commander'

import { AUDIT_ROUTES as ROUTES } from '../../audit/audit.schema.js'
import { apiCommand, group, PAGE_OPTIONS, type PageOptions, type Run } from '../command.js'
import { pageShown } from '../output.js'

interface AuditOptions extends PageOptions {
  readonly target?: string
  readonly author?: string
}

export function addAudit(program: Command, run: Run): void {
  const audit = group(program, 'audit', 'Who changed what.')
  apiCommand<AuditOptions>(audit, run, {
    usage: 'ls',
    description: 'Lists it, the newest first; -o json has what it was before and after.',
    examples: ['entrepot audit ls --author ci --limit 20', 'entrepot audit ls --target docker.io -o yaml'],
    options: [
      new Option('--target <name>', 'only what was done to this'),
      new Option('--author <name>', 'only what this token has done'),
      ...PAGE_OPTIONS,
    ],
    run: async ({ call, options: { limit, after, target, author } }) =>
      pageShown(
        await call(ROUTES.list, { query: { limit, after, target, author } }),
        ['AT', 'BY', 'FROM', 'ACTION', 'TARGET', 'REQUEST'],
        (row) => [row.at, row.author, row.address, row.action, row.target, row.requestId],
      ),
  })
}
