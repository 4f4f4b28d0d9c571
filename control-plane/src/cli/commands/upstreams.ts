import { Option, type Command } from 'commander'

import {
  UPSTREAM_ROUTES as ROUTES,
  type Upstream,
  type UpstreamCheck,
} from '../../upstreams/upstream.schema.js'
import { apiCommand, group, listOption, PAGE_OPTIONS, type PageOptions, type Run } from '../command.js'
import { CommandFailed } from '../failures.js'
import { asYaml, type Cell, onOneLine, pageShown, printable, type Shown, tableOf } from '../output.js'
import {
  readText,
  SETTINGS_OPTIONS,
  type SettingsOptions,
  settingsOf,
  UNSET_OPTION,
} from '../settings-options.js'

interface UpstreamOptions extends SettingsOptions {
  readonly url?: readonly string[]
  readonly username?: string
  readonly passwordStdin?: boolean
  readonly caFile?: string
  readonly freshFor?: string
}

const FINE: Cell = { text: 'fine', colour: 'green' }
const FAILS: Cell = { text: 'FAILS', colour: 'red' }
const OPTIONS: readonly Option[] = [
  listOption('--url <url>', 'where it is asked instead of https://<host>; may be given several times'),
  new Option('--username <name>', 'who asks there'),
  new Option('--password-stdin', 'reads its password from stdin'),
  new Option('--ca-file <file>', 'authorities to trust there, PEM'),
  new Option('--fresh-for <duration>', 'how long a tag is served without asking: 5m'),
  ...SETTINGS_OPTIONS,
]

export function addUpstreams(program: Command, run: Run): void {
  const upstreams = group(program, 'upstreams', 'The registries that are mirrored.')
  apiCommand<PageOptions>(upstreams, run, {
    usage: 'ls',
    description: 'Lists them.',
    examples: ['entrepot upstreams ls', "entrepot upstreams ls -o json | jq -r '.items[].host'"],
    options: PAGE_OPTIONS,
    run: async ({ call, options: { limit, after } }) =>
      pageShown(
        await call(ROUTES.list, { query: { limit, after } }),
        ['HOST', 'PASSWORD', 'SETTINGS'],
        rowOf,
      ),
  })
  apiCommand(upstreams, run, {
    usage: 'show <host>',
    description: 'Shows one with its settings.',
    examples: ['entrepot upstreams show docker.io'],
    run: async ({ call, args: [host = ''] }) => shown(await call(ROUTES.get, { path: { host } })),
  })
  addLooks(upstreams, run)
  addChanges(upstreams, run)
  apiCommand(upstreams, run, {
    usage: 'rm <host>',
    description: 'Takes one out: it is not asked any more, and what was fetched stays.',
    examples: ['entrepot upstreams rm quay.io'],
    run: async ({ call, args: [host = ''] }) => {
      await call(ROUTES.remove, { path: { host } })
      return { text: `${host} is not mirrored any more; what was fetched from it stays.` }
    },
  })
}

function addLooks(upstreams: Command, run: Run): void {
  apiCommand(upstreams, run, {
    usage: 'state <host>',
    description: 'Shows whether one is asked, and why not.',
    examples: ['entrepot upstreams state docker.io'],
    run: async ({ call, args: [host = ''] }) => {
      const state = await call(ROUTES.state, { path: { host } })
      return { value: state, text: asYaml(state).trimEnd() }
    },
  })
  apiCommand(upstreams, run, {
    usage: 'check <host>',
    description:
      'Goes the way of a pull to one, and says where it ends and what helps; ends with 1 when it does.',
    examples: ['entrepot upstreams check docker.io'],
    run: async ({ call, args: [host = ''], terminal }) =>
      checkShown(host, await call(ROUTES.check, { path: { host } }), terminal.isSeen),
  })
}

function addChanges(upstreams: Command, run: Run): void {
  apiCommand<UpstreamOptions>(upstreams, run, {
    usage: 'add <host>',
    description: 'Mirrors one that is not mirrored yet.',
    examples: [
      'entrepot upstreams add gitlab.example.com --ca-file company-ca.pem --fresh-for 1h',
      'pass docker-hub | entrepot upstreams add docker.io --username robot --password-stdin',
      "entrepot upstreams add registry.lan:5000 --url http://registry.lan:5000 --setting 'allowAddresses=[10.0.0.0/8]'",
    ],
    options: OPTIONS,
    run: async ({ call, args: [host = ''], options, terminal }) => {
      const body = await bodyOf(options, terminal.read)
      // No version is 0 that is there: somebody else's is not replaced.
      try {
        return shown(await call(ROUTES.put, { path: { host }, body, ifMatch: '"0"' }))
      } catch (error) {
        if (!(error instanceof CommandFailed) || error.problem?.status !== 412) throw error
        throw new CommandFailed(1, `${host} is mirrored already: entrepot upstreams set ${host} changes it`)
      }
    },
  })
  apiCommand<UpstreamOptions>(upstreams, run, {
    usage: 'set <host>',
    description: 'Changes some settings of one.',
    examples: [
      'entrepot upstreams set docker.io --fresh-for 15m',
      'entrepot upstreams set quay.io --unset freshFor --setting maxConnections=32',
    ],
    options: [...OPTIONS, UNSET_OPTION],
    run: async ({ call, args: [host = ''], options, terminal }) => {
      const body = await bodyOf(options, terminal.read)
      return shown(await call(ROUTES.patch, { path: { host }, body }))
    },
  })
}

async function bodyOf(
  { url, username, passwordStdin, caFile, freshFor, ...settings }: UpstreamOptions,
  read: () => Promise<string>,
): Promise<Readonly<Record<string, unknown>>> {
  // What `show -o yaml` has written may come back as it is.
  const { hasPassword: _shown, ...given } = await settingsOf(settings, read)
  return {
    ...given,
    ...(url !== undefined && { urls: url }),
    ...(username !== undefined && { username }),
    ...(passwordStdin === true && { password: await read() }),
    ...(caFile !== undefined && { ca: readText('--ca-file', caFile) }),
    ...(freshFor !== undefined && { freshFor }),
  }
}

function rowOf({ host, hasPassword, ...settings }: Upstream): readonly string[] {
  return [host, hasPassword ? 'yes' : '', onOneLine(settings)]
}

function checkShown(host: string, check: UpstreamCheck, isSeen: boolean): Shown {
  const rows = check.urls.flatMap(({ url, steps }) =>
    steps.map(({ step, isFine, sentence }) => [...[url, step, isFine ? FINE : FAILS, sentence]]),
  )
  const table = rows.length === 0 ? [] : [tableOf(['URL', 'STEP', '', 'FOUND'], rows, isSeen)]
  const text = [...check.findings.map(printable), ...table].join('\n')
  return { value: check, text, ...(!check.isFine && { finding: `a pull from ${host} would fail` }) }
}

function shown(upstream: Upstream): Shown {
  return { value: upstream, text: asYaml(upstream).trimEnd() }
}
