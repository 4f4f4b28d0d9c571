import type { Command } from 'commander'

import { CLIENT_SYSTEMS } from '../../clients/client-files.js'
import { CLIENT_ROUTES as ROUTES, type ShownClient } from '../../clients/clients.schema.js'
import { SCRIPTED_SYSTEMS } from '../../clients/install-script.js'
import { apiCommand, group, type Run } from '../command.js'
import { SEEN_ROUTES } from '../../traffic/seen.schema.js'
import { pageShown, type Shown } from '../output.js'

export function addClients(program: Command, run: Run): void {
  const clients = group(program, 'clients', 'What makes daemons and builders use the box.')
  apiCommand(clients, run, {
    usage: 'show <system>',
    description: `Shows the files and commands for one of ${CLIENT_SYSTEMS.join(', ')}.`,
    examples: ['entrepot clients show docker', 'entrepot clients show containerd -o yaml'],
    run: async ({ call, args: [system = ''] }) => shown(await call(ROUTES.show, { path: { system } })),
  })
  apiCommand(clients, run, {
    usage: 'install <system>',
    description: `Writes a script that sets a machine up, proves it by a pull, and undoes it, for one of ${SCRIPTED_SYSTEMS.join(', ')}.`,
    examples: [
      'entrepot clients install docker > install.sh',
      'entrepot clients install containerd | ssh root@node sh -s -- --fingerprint AB:CD:…',
    ],
    run: async ({ call, args: [system = ''] }) => {
      const script = await call(ROUTES.script, { path: { system } })
      return { value: { script }, text: script.trimEnd() }
    },
  })
  apiCommand(clients, run, {
    usage: 'seen',
    description: 'Lists who has pulled, the last one first: from where, with what, by which listener.',
    examples: ['entrepot clients seen', 'entrepot clients seen -o json'],
    run: async ({ call }) =>
      pageShown(
        await call(SEEN_ROUTES.list),
        ['LAST PULL', 'ADDRESS', 'PROGRAM', 'LISTENER', 'ACCOUNT', 'PULLS'],
        ({ lastPull, address, program, view, scheme, account, pulls }) => [
          ...[lastPull, address, program, `${view} ${scheme}`, account, String(pulls)],
        ],
      ),
  })
}

function shown(client: ShownClient): Shown {
  const { title, script, files, install, reload, prove, undo, notes } = client
  const lists = Object.entries({ script, install, reload, prove, undo, notes })
  const text = [
    title,
    ...files.flatMap(({ path, text: content, only }) => [
      ...['', `# ${path}${only === undefined ? '' : ` (${only})`}`, content.trimEnd()],
    ]),
    ...lists.flatMap(([name, lines]) => (lines.length === 0 ? [] : ['', `# ${name}`, ...lines])),
  ]
  return { value: client, text: text.join('\n') }
}
