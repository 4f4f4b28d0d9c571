import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import type { FrontSettings, Listener, ListenerView, VirtualHost } from '#front/settings.js'
import { writeFront } from '#front/write-front.js'

import { type Certificates, makeCertificates } from './certificates.js'
import { eventually } from './eventually.js'
import { type NginxProgram, nginxPrograms } from './nginx-programs.js'
import { type Ending, freePort, type RunningProcess, startProcess } from './processes.js'

export interface NginxOptions {
  /** The core's unix socket; it may appear later. */
  readonly coreSocket: string
  /** The folder that holds `docker/registry/v2`. */
  readonly storeRoot: string
  /** A TLS listener beside the plain one, with a certificate for localhost and 127.0.0.1 made for it; on by default. */
  readonly tls?: boolean
  /** What the certificate is for instead, in openssl's words: `DNS:registry.test`, `IP:127.0.0.1`. */
  readonly names?: readonly string[]
  /** A further plain listener for each of these views. */
  readonly views?: readonly ListenerView[]
  /** Of the plain and of the TLS listener, whose own view is that of the registry. */
  readonly virtualHosts?: readonly VirtualHost[]
  /** The nginx to run, the machine's own unless said otherwise. */
  readonly program?: NginxProgram
  readonly settings?: Partial<Pick<FrontSettings, 'maxUploadSize' | 'timeoutSeconds' | 'workers' | 'user'>>
}

/** The front as it ships, on free ports of 127.0.0.1. */
export interface RunningNginx {
  readonly httpPort: number
  /** Of the listeners with further views, in their order. */
  readonly viewPorts: readonly number[]
  /** `undefined` without TLS; so is `caFile`. */
  readonly tlsPort: number | undefined
  /** The authority that clients must trust on the TLS port. */
  readonly caFile: string | undefined
  readonly process: RunningProcess
  /** Its own folder: configuration, logs, temporary files. */
  readonly prefix: string
  readonly settings: FrontSettings
  accessLog(): readonly Readonly<Record<string, unknown>>[]
  errorLog(): string
  /** Writes the configuration anew with these changes and sends SIGHUP; answers once new workers serve. */
  reload(changes?: Partial<FrontSettings>): Promise<void>
  /** Stops it and removes its folder. */
  stop(): Promise<Ending>
}

/** Renders the front's configuration and runs nginx on it. */
export async function startNginx(options: NginxOptions): Promise<RunningNginx> {
  const program = options.program ?? (await nginxPrograms())[0]
  if (program === undefined) throw new Error('nginx missing: apt-get install nginx-light')
  const prefix = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  chmodSync(prefix, 0o755)
  try {
    const certificates = options.tls === false ? undefined : await makeCertificates(prefix, options.names)
    for (let attempt = 1; ; attempt++) {
      const settings = await settingsFor(options, { prefix, nginxVersion: program.version, certificates })
      writeFront(settings)
      const running = await start(program, settings)
      if (running) return nginx(running, settings, certificates)
      if (attempt === 5) throw new Error(`nginx found no free ports:\n${logOf(prefix, 'error.log')}`)
    }
  } catch (error) {
    rmSync(prefix, { recursive: true, force: true })
    throw error
  }
}

function nginx(
  running: RunningProcess,
  first: FrontSettings,
  certificates: Certificates | undefined,
): RunningNginx {
  const { prefix } = first
  let settings = first
  // A program that fails leaves no nginx behind.
  const end = (): void => running.signal('SIGTERM')
  process.once('exit', end)
  const portOf = (kind: string): number | undefined =>
    settings.listeners.find((one) => one.kind === kind)?.port
  return {
    httpPort: portOf('http') ?? 0,
    viewPorts: first.listeners.flatMap((one) => ('view' in one && one.view !== undefined ? [one.port] : [])),
    tlsPort: portOf('tls'),
    caFile: certificates?.caFile,
    process: running,
    prefix,
    settings: first,
    accessLog: () => logOf(prefix, 'access.log').split('\n').filter(Boolean).map(parseLine),
    errorLog: () => logOf(prefix, 'error.log'),
    async reload(changes = {}) {
      settings = { ...settings, ...changes }
      writeFront(settings)
      const before = workersOf(running.pid)
      running.signal('SIGHUP')
      await eventually('new workers serve', () => workersOf(running.pid).some((pid) => !before.includes(pid)))
    },
    async stop() {
      const ending = await running.stop()
      process.off('exit', end)
      rmSync(prefix, { recursive: true, force: true })
      return ending
    },
  }
}

async function settingsFor(
  { coreSocket, storeRoot, views = [], virtualHosts = [], settings }: NginxOptions,
  made: { prefix: string; nginxVersion: string; certificates: Certificates | undefined },
): Promise<FrontSettings> {
  const { prefix, nginxVersion, certificates } = made
  const address = '127.0.0.1'
  const listeners: Listener[] = [{ kind: 'http', address, port: await freePort(), virtualHosts }]
  if (certificates)
    listeners.push({ kind: 'tls', address, port: await freePort(), virtualHosts, ...certificates })
  for (const view of views) listeners.push({ kind: 'http', address, port: await freePort(), view })
  return {
    prefix,
    nginxVersion,
    coreSocket,
    storeRoot,
    listeners,
    workers: 2,
    // The store belongs to whoever runs the tests; started by root, nginx would take `nobody` for its workers.
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    ...settings,
  }
}

/** Answers once it serves; `undefined` when somebody was faster on one of its ports. */
async function start(
  { command: [file, ...args] }: NginxProgram,
  { prefix }: FrontSettings,
): Promise<RunningProcess | undefined> {
  const conf = path.join(prefix, 'nginx.conf')
  const running = await startProcess(file, [
    ...args,
    '-p',
    prefix,
    '-c',
    conf,
    '-e',
    path.join(prefix, 'logs/error.log'),
  ])
  let hasEnded = false
  void running.ended.then(() => {
    hasEnded = true
  })
  // nginx binds its ports before it writes its pid, so the pid file says that they are its own.
  const pidFile = path.join(prefix, 'nginx.pid')
  const ready = (): boolean => hasEnded || (existsSync(pidFile) && workersOf(running.pid).length > 0)
  await eventually('nginx serves', ready)
  if (!hasEnded) return running
  const log = running.log() + logOf(prefix, 'error.log')
  if (/Address already in use/.test(log)) return undefined
  throw new Error(`nginx ended before it served:\n${log}`)
}

function workersOf(master: number): readonly number[] {
  const file = `/proc/${master}/task/${master}/children`
  return existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number) : []
}

function logOf(prefix: string, name: string): string {
  const file = path.join(prefix, 'logs', name)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`not an object: ${line}`)
  return { ...parsed }
}
