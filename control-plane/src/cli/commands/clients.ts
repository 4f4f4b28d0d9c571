import type { Command } from 'commander'

import { CLIENT_SYSTEMS, type ClientFiles } from '../../clients/client-files.js'
import { CLIENT_ROUTES as ROUTES } from '../../clients/clients.schema.js'
import { apiCommand, group, type Run } from '../command.js'
import type { Shown } from '../output.js'

export function addClients(program: Command, run: Run): void {
  const clients = group(program, 'clients', 'What makes daemons and builders use the box.')
  apiCommand(clients, run, {
    usage: 'show <system>',
    description: `Shows the files and commands for one of ${CLIENT_SYSTEMS.join(', ')}.`,
    examples: ['entrepot clients show docker', 'entrepot clients show containerd -o yaml'],
    run: async ({ call, args: [system = ''] }) => shown(await call(ROUTES.show, { path: { system } })),
  })
}

type Files = Pick<ClientFiles, 'title' | 'install' | 'reload' | 'prove' | 'undo' | 'notes'> & {
  readonly files: readonly {
    readonly path: string
    readonly text: string
    readonly only?: string | undefined
  }[]
}

function shown(client: Files): Shown {
  const { title, files, install, reload, prove, undo, notes } = client
  const lists = Object.entries({ install, reload, prove, undo, notes })
  const text = [
    title,
    ...files.flatMap(({ path, text: content, only }) => [
      ...['', `# ${path}${only === undefined ? '' : ` (${only})`}`, content.trimEnd()],
    ]),
    ...lists.flatMap(([name, lines]) => (lines.length === 0 ? [] : ['', `# ${name}`, ...lines])),
  ]
  return { value: client, text: text.join('\n') }
}
