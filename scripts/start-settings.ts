import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'

/** What `npm start` reads from the environment; docs/reference/settings.md lists the same names. */
const VARIABLES = ['ENTREPOT_DATA', 'ENTREPOT_HTTP_BIND', 'ENTREPOT_MIRROR_PORT', 'ENTREPOT_REGISTRY_PORT']
/** What is mirrored; a bare name means the first. A further one is a line of `mirrors` in a file of one's own. */
export const UPSTREAMS = [
  ...['docker.io', 'quay.io', 'ghcr.io', 'registry.k8s.io', 'docker.elastic.co', 'mcr.microsoft.com'],
] as const
const ROOT = path.join(import.meta.dirname, '..')

export interface StartSettings {
  /** The root of the store. */
  readonly data: string
  readonly bind: string
  readonly port: number
  /** Where docker finds what `registry-mirrors` names. */
  readonly mirrorPort: number
  /** Variables that mean nothing here, most likely typing errors. */
  readonly unknown: readonly string[]
}

/** A sentence for the person who typed `npm start`; nothing else is printed. */
export class StartRefused extends Error {}

function parsePort(variable: string, text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new StartRefused(`${variable} is "${text}": it must be a number from 1 to 65535`)
}

function parseBind(text: string): string {
  if (net.isIP(text) !== 0) return text
  throw new StartRefused(
    `ENTREPOT_HTTP_BIND is "${text}": it must be an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0`,
  )
}

export function readStartSettings(environment: NodeJS.ProcessEnv): StartSettings {
  const { ENTREPOT_DATA, ENTREPOT_HTTP_BIND, INIT_CWD } = environment
  const port = parsePort('ENTREPOT_REGISTRY_PORT', environment['ENTREPOT_REGISTRY_PORT'] || '5000')
  const mirrorPort = parsePort('ENTREPOT_MIRROR_PORT', environment['ENTREPOT_MIRROR_PORT'] || '5001')
  if (port === mirrorPort)
    throw new StartRefused(
      `ENTREPOT_REGISTRY_PORT and ENTREPOT_MIRROR_PORT are both ${port}: each needs its own`,
    )
  return {
    // npm changes into the repository; a relative folder is meant from where it was typed.
    data: ENTREPOT_DATA ? path.resolve(INIT_CWD ?? '.', ENTREPOT_DATA) : path.join(ROOT, 'data'),
    bind: parseBind(ENTREPOT_HTTP_BIND || '127.0.0.1'),
    ...{ port, mirrorPort },
    unknown: Object.keys(environment).filter(
      (name) => name.startsWith('ENTREPOT_') && !VARIABLES.includes(name),
    ),
  }
}

/** Host and port as they stand in a URL. */
export function authority({ bind, port }: Pick<StartSettings, 'bind' | 'port'>): string {
  return net.isIPv6(bind) ? `[${bind}]:${port}` : `${bind}:${port}`
}

/** The core's YAML, beside the store's own folders; named by port, so that two on one volume have one each. */
export function writeConfiguration(settings: StartSettings): string {
  const file = path.join(settings.data, `registry-${settings.port}.yml`)
  const text = [
    '# Made by `npm start` from the ENTREPOT_* variables, anew at each start: a change here is lost.',
    '# With a copy of your own: npx registry-core serve COPY',
    'version: 0.1',
    'log:',
    '  level: info',
    '  formatter: text',
    'storage:',
    '  filesystem:',
    `    rootdirectory: ${JSON.stringify(settings.data)}`,
    '  delete:',
    '    enabled: true',
    'http:',
    `  addr: ${JSON.stringify(authority(settings))}`,
    'listeners:',
    `  - addr: ${JSON.stringify(authority({ ...settings, port: settings.mirrorPort }))}`,
    '    view: mirror',
    '    anonymous: pull',
    'mirrors:',
    '  upstreams:',
    ...UPSTREAMS.map((host) => `    - host: ${host}`),
    '',
  ].join('\n')
  try {
    fs.mkdirSync(settings.data, { recursive: true })
    fs.writeFileSync(file, text)
  } catch (error) {
    throw new StartRefused(`cannot write ${file}: ${Error.isError(error) ? error.message : String(error)}`)
  }
  return file
}
