import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'

import {
  type FrontSettings,
  type ListenerView,
  type RegistryListener,
  SettingRefused,
  type VirtualHost,
} from './render.js'
import { writeFront } from './write-front.js'

const USAGE = `Usage: render-front --prefix FOLDER --core-socket SOCKET --store-root FOLDER --http ADDRESS:PORT [...]

Writes the front's whole nginx configuration into a folder of its own, and says how to start nginx on it.

  --prefix FOLDER          nginx's own folder: configuration, pid, logs, temporary files
  --core-socket SOCKET     the unix socket that registry-core listens on
  --store-root FOLDER      the folder that holds docker/registry/v2
  --http ADDRESS:PORT      a plain listener; may be given several times, and followed by =VIEW
  --tls ADDRESS:PORT       a TLS listener; may be given several times, and followed by =VIEW
  --virtual-host HOST      a Host that stands for the upstream of this name, on every listener; may be given several
                           times, and followed by =VIEW
  --certificate FILE       the certificate chain of the TLS listeners, PEM
  --key FILE               its key, PEM
  --user NAME              whom workers run as when nginx is started by root: the user of registry-core
  --group NAME             their group (default: named as the user)
  --workers N              worker processes (default: one a processor)
  --max-upload-size SIZE   the largest request body, per layer (default 16384m, 0 is no limit)
  --timeout-seconds N      how long either side may stay silent (default 900)
  --nginx-version X.Y.Z    the version to render for (default: what "nginx -v" says)
  --help

VIEW is registry (as shipped), mirror (what docker's registry-mirrors asks), or the host of an upstream: quay.io
`

/** Something typed wrongly: exit code 2. */
class UsageError extends Error {}

function settingsOf(args: readonly string[]): FrontSettings | undefined {
  const { values } = parse(args)
  if (values.help) return undefined
  const { workers, user, group } = values
  const maxUploadSize = values['max-upload-size']
  const timeoutSeconds = values['timeout-seconds']
  return {
    prefix: needed('--prefix', values.prefix),
    coreSocket: needed('--core-socket', values['core-socket']),
    storeRoot: needed('--store-root', values['store-root']),
    listeners: listenersOf(values),
    nginxVersion: values['nginx-version'] ?? installedVersion(),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    ...(workers === undefined ? {} : { workers: Number(workers) }),
    ...(maxUploadSize === undefined ? {} : { maxUploadSize }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: Number(timeoutSeconds) }),
  }
}

function listenersOf({
  http = [],
  tls = [],
  ...values
}: ReturnType<typeof parse>['values']): RegistryListener[] {
  const virtualHosts = (values['virtual-host'] ?? []).map(virtualHostOf)
  return [
    ...http.map((text): RegistryListener => ({ kind: 'http', ...placeOf(text), virtualHosts })),
    ...tls.map(
      (text): RegistryListener => ({
        kind: 'tls',
        ...placeOf(text),
        virtualHosts,
        certificate: needed('--certificate', values.certificate),
        key: needed('--key', values.key),
      }),
    ),
  ]
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const list = { type: 'string', multiple: true } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        prefix: text,
        'core-socket': text,
        'store-root': text,
        http: list,
        tls: list,
        'virtual-host': list,
        certificate: text,
        key: text,
        user: text,
        group: text,
        workers: text,
        'max-upload-size': text,
        'timeout-seconds': text,
        'nginx-version': text,
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : String(error))
  }
}

function needed(option: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`${option} is missing`)
  return value
}

/** `ADDRESS:PORT`, and `=VIEW` behind it. */
function placeOf(text: string): Pick<RegistryListener, 'address' | 'port' | 'view'> {
  const [, address, port, view = 'registry'] = /^([^=]+):(\d+)(?:=(.*))?$/.exec(text) ?? []
  if (address === undefined) throw new UsageError(`${text} is no ADDRESS:PORT`)
  return { address: address.replace(/^\[(.*)\]$/, '$1'), port: Number(port), view: viewOf(view) }
}

/** `HOST`, and `=VIEW` behind it. */
function virtualHostOf(text: string): VirtualHost {
  const [name = '', ...view] = text.split('=')
  return { names: [name], view: viewOf(view.length === 0 ? name : view.join('=')) }
}

/** No upstream is called as one of the other views: its name has a dot, a port, or is localhost. */
function viewOf(text: string): ListenerView {
  return text === 'registry' || text === 'mirror' ? text : { upstream: text }
}

function installedVersion(): string {
  const said = execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/usr/local/sbin exec nginx -v 2>&1'], {
    encoding: 'utf8',
  })
  return /nginx\/(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? said.trim()
}

/** 0 done, 2 wrong usage or a setting that is refused, 3 failed. */
function main(args: readonly string[]): number {
  try {
    const settings = settingsOf(args)
    if (settings === undefined) {
      process.stdout.write(USAGE)
      return 0
    }
    writeFront(settings)
    process.stdout.write(`start it with: nginx -p ${settings.prefix} -c ${settings.prefix}/nginx.conf\n`)
    return 0
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof SettingRefused
    process.stderr.write(`render-front: ${Error.isError(error) ? error.message : String(error)}\n`)
    if (isUsage) process.stderr.write('render-front --help says what there is\n')
    return isUsage ? 2 : 3
  }
}

process.exitCode = main(process.argv.slice(2))
