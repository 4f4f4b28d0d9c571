import { Option, type Command } from 'commander'

import { type NginxSettings, NGINX_SETTINGS_ROUTES as ROUTES } from '../../front/nginx-settings.schema.js'
import { apiCommand, group, listOption, type Run } from '../command.js'
import { usageError } from '../failures.js'
import { asYaml, type Shown } from '../output.js'
import {
  readText,
  SETTINGS_OPTIONS,
  type SettingsOptions,
  settingsOf,
  UNSET_OPTION,
} from '../settings-options.js'

interface NginxOptions extends SettingsOptions {
  readonly maxUploadSize?: string
  readonly readTimeout?: string
  readonly name?: readonly string[]
  readonly anonymousPull?: boolean
  readonly mirrorClientCa?: string
  readonly virtualHost?: readonly string[]
}

const OPTIONS: readonly Option[] = [
  new Option('--max-upload-size <size>', 'the largest layer: 32g; 0 is no limit'),
  new Option(
    '--read-timeout <duration>',
    'how long either side of a transfer may stay silent, reading and writing: 900s, 15m',
  ),
  listOption('--name <name>', 'a further name or address of the box, all of them at once'),
  new Option('--no-anonymous-pull', 'nobody pulls at the TLS ports without an account'),
  new Option(
    '--mirror-client-ca <file>',
    'PEM: nobody uses the mirror by TLS without a certificate of theirs',
  ),
  listOption('--virtual-host <upstream>', 'clients reach it under its own name here, all of them at once'),
  UNSET_OPTION,
  ...SETTINGS_OPTIONS,
]
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

export function addNginx(program: Command, run: Run): void {
  const nginx = group(program, 'nginx', 'How nginx serves.')
  apiCommand(nginx, run, {
    usage: 'show',
    description: 'Shows its settings.',
    examples: ['entrepot nginx show'],
    run: async ({ call }) => shown(await call(ROUTES.get)),
  })
  apiCommand<NginxOptions>(nginx, run, {
    usage: 'set',
    description: 'Changes some of its settings, tried before they are in force; transfers go on.',
    examples: [
      'entrepot nginx set --max-upload-size 32g --read-timeout 15m',
      'entrepot nginx set --unset maxUploadSize',
    ],
    options: OPTIONS,
    run: async ({ call, options, terminal }) => {
      const { maxUploadSize, readTimeout, name, virtualHost, ...rest } = options
      const { anonymousPull, mirrorClientCa, ...settings } = rest
      const body = {
        ...(await settingsOf(settings, terminal.read)),
        ...(maxUploadSize !== undefined && { maxUploadSize }),
        ...(readTimeout !== undefined && { readTimeout: secondsOf(readTimeout) }),
        ...(name !== undefined && { names: name }),
        ...(anonymousPull === false && { anonymousPull }),
        ...(mirrorClientCa !== undefined && {
          mirrorClientCa: readText('--mirror-client-ca', mirrorClientCa),
        }),
        ...(virtualHost !== undefined && { virtualHosts: virtualHost }),
      }
      if (Object.keys(body).length === 0) throw usageError('nothing is to be set: --help shows what can be')
      return shown(await call(ROUTES.patch, { body }))
    },
  })
}

function secondsOf(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9})([smh]?)$/.exec(text) ?? []
  if (count === undefined) throw usageError(`--read-timeout ${text}: a duration like 900s or 15m is wanted`)
  return Number(count) * (SECONDS[unit === '' ? 's' : unit] ?? 1)
}

function shown(settings: NginxSettings): Shown {
  return { value: settings, text: asYaml(settings).trimEnd() }
}
