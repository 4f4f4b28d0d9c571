import { Option, type Command } from 'commander'

import { type Account, ACCOUNT_ROUTES as ROUTES, type MadeAccount } from '../../access/account.schema.js'
import {
  apiCommand,
  type Called,
  group,
  listOption,
  PAGE_OPTIONS,
  type PageOptions,
  type Run,
} from '../command.js'
import type { Connection } from '../connection.js'
import { asYaml, pageShown, type Shown } from '../output.js'
import { waysToUse } from '../ways-to-use.js'

interface RightsOptions {
  readonly push?: readonly string[]
  readonly pull?: readonly string[]
  readonly delete?: readonly string[]
  readonly until?: string
  readonly countsAsPull?: boolean
}

interface RegistryOptions {
  readonly registry?: string
}

const RIGHTS: readonly Option[] = [
  listOption('--push <repositories>', 'may push to them, and pull: team/**; may be given several times'),
  listOption('--pull <repositories>', 'may pull from them; may be given several times'),
  listOption('--delete <repositories>', 'may delete in them; may be given several times'),
  new Option('--until <date>', 'its last day, or the moment when it ends'),
  new Option('--no-counts-as-pull', 'its pulls keep no image alive: for scanners'),
]
const REGISTRY = new Option('--registry <host:port>', 'what docker calls the box (as it calls itself)')

export function addAccounts(program: Command, run: Run): void {
  const accounts = group(program, 'accounts', 'Who may push and pull.')
  apiCommand<PageOptions>(accounts, run, {
    usage: 'ls',
    description: 'Lists them.',
    examples: ['entrepot accounts ls'],
    options: PAGE_OPTIONS,
    run: async ({ call, options: { limit, after } }) =>
      pageShown(
        await call(ROUTES.list, { query: { limit, after } }),
        ['NAME', 'RIGHTS', 'UNTIL', 'MADE'],
        rowOf,
      ),
  })
  apiCommand(accounts, run, {
    usage: 'show <name>',
    description: 'Shows one with its rights.',
    examples: ['entrepot accounts show ci-web'],
    run: async ({ call, args: [name = ''] }) => shown(await call(ROUTES.get, { path: { name } })),
  })
  addMaking(accounts, run)
  apiCommand<RightsOptions>(accounts, run, {
    usage: 'set <name>',
    description: 'Changes its rights, all of them at once, or its end. Its password stays.',
    examples: ["entrepot accounts set ci-web --push 'team-web/**' --pull 'docker.io/**'"],
    options: RIGHTS,
    run: async ({ call, args: [name = ''], options }) =>
      shown(await call(ROUTES.patch, { path: { name }, body: settingsOf(options) })),
  })
  apiCommand(accounts, run, {
    usage: 'rm <name>',
    description: 'Removes one: its password is wrong from then on.',
    examples: ['entrepot accounts rm ci-web'],
    run: async ({ call, args: [name = ''] }) => {
      await call(ROUTES.remove, { path: { name } })
      return { text: `The account ${name} is removed.` }
    },
  })
}

function addMaking(accounts: Command, run: Run): void {
  apiCommand<RightsOptions & RegistryOptions>(accounts, run, {
    usage: 'create <name>',
    description: 'Makes one, shows its password once, and how docker, Kubernetes and GitLab are told.',
    examples: [
      "entrepot accounts create ci-web --push 'team-web/**'",
      "entrepot accounts create scanner --pull '**' --no-counts-as-pull --until 2027-01-31 -o json",
    ],
    options: [...RIGHTS, REGISTRY],
    run: async (called) => {
      const body = { name: called.args[0] ?? '', ...settingsOf(called.options) }
      return madeShown(await called.call(ROUTES.create, { body }), called)
    },
  })
  apiCommand<RegistryOptions>(accounts, run, {
    usage: 'rotate <name>',
    description: 'Makes a new password for one, and shows it once; the old one is wrong from then on.',
    examples: ['entrepot accounts rotate ci-web'],
    options: [REGISTRY],
    run: async (called) => {
      const path = { name: called.args[0] ?? '' }
      return madeShown(await called.call(ROUTES.rotate, { path }), called)
    },
  })
}

function settingsOf({ push, pull, delete: remove, until, countsAsPull }: RightsOptions) {
  const rights = [
    ...(push === undefined ? [] : [{ repositories: push, actions: ['pull', 'push'] }]),
    ...(pull === undefined ? [] : [{ repositories: pull, actions: ['pull'] }]),
    ...(remove === undefined ? [] : [{ repositories: remove, actions: ['delete'] }]),
  ]
  return {
    ...(rights.length > 0 && { rights }),
    ...(until !== undefined && { until }),
    ...(countsAsPull === false && { countsAsPull }),
  }
}

function rowOf({ name, createdAt, rights, until }: Account): readonly string[] {
  const said = Array.isArray(rights) ? rights.map(rightText).join('; ') : ''
  return [name, said, typeof until === 'string' ? until : '', createdAt.slice(0, 10)]
}

function rightText(right: { readonly repositories?: unknown; readonly actions?: unknown }): string {
  return `${String(right.actions)}: ${String(right.repositories)}`
}

function shown(account: Account): Shown {
  return { value: account, text: asYaml(account).trimEnd() }
}

function madeShown(made: MadeAccount, { connection, options }: Called<RegistryOptions>): Shown {
  const { name, password = '' } = made
  const registry = options.registry ?? registryOf(made, connection)
  return { value: made, text: waysToUse({ name, password, registry }) }
}

/** The box is reached from here by a name, so clients have that one too; its loopback is nobody else's. */
function registryOf({ registry = '' }: MadeAccount, { server }: Pick<Connection, 'server'>): string {
  const { hostname } = new URL(server)
  const isLocal = /^(127\.|\[::1\]$|localhost$)/.test(hostname)
  return isLocal ? registry : registry.replace(/^.*(?=:\d+$)/, hostname)
}
