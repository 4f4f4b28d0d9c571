import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { errorCode } from '../system/error-code.js'
import { findProgram, SEARCH_PATH } from './find-program.js'
import { findNginx, type NginxProgram } from './nginx-program.js'
import { StartRefused } from './start-refused.js'

export interface InstallOptions {
  readonly say: (line: string) => void
  readonly isRoot: boolean
  /** Where programs are looked for, as in PATH. */
  readonly searchPath?: string
  /** What Debian's packages ask before they start a service. */
  readonly policyFile?: string
}

/** Small, and has all that is needed: TLS, HTTP/2, sub-requests. */
const PACKAGE = 'nginx-light'
const ALREADY_THERE = 'EEXIST'
/** 101: the action is forbidden by policy (invoke-rc.d). */
const NO_SERVICE_OF_NGINX = `#!/bin/sh
# Entrepot is installing nginx, which it starts by itself. It removes this file at once.
case " $* " in *" nginx "* | *" nginx.service "*) exit 101 ;; esac
exit 0
`
/** Somebody else's apt, such as the updates of a machine's first minutes, is waited for. */
const PATIENCE_S = 180
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The nginx of this machine; where it is missing, root of a Debian gets it, and everybody else is told what to type.
 * @throws StartRefused
 */
export async function ensureNginx(options: InstallOptions): Promise<NginxProgram> {
  removeLeftPolicy(options)
  const found = findNginx(options.searchPath)
  if (found !== undefined) return found
  const apt = findProgram('apt-get', options.searchPath)
  if (apt === undefined) throw new StartRefused('nginx-missing', { toType: undefined })
  if (!options.isRoot) throw new StartRefused('nginx-missing', { toType: lineToType(options) })
  options.say(`nginx is missing: apt-get install ${PACKAGE}, a minute at most`)
  await untilItEnds(options, () => withoutService(options, () => install(apt, options)))
  const installed = findNginx(options.searchPath)
  if (installed === undefined) throw new StartRefused('nginx-not-installed', { package: PACKAGE })
  await staysOff(options)
  options.say(
    `nginx ${installed.version} is installed; its own service stays off, Entrepot starts it by itself`,
  )
  return installed
}

/** For a plain user; a Debian may have no sudo. */
function lineToType({ searchPath }: InstallOptions): string {
  const [update, install] = ['apt-get update', `apt-get install -y ${PACKAGE}`]
  return findProgram('sudo', searchPath) === undefined
    ? `su -c '${update} && ${install}'`
    : `sudo ${update} && sudo ${install}`
}

/** Lists of packages that are missing or old are the usual reason for a failure on a fresh machine. */
async function install(apt: string, { say }: InstallOptions): Promise<void> {
  const args = ['install', '-y', '--no-install-recommends', '-q', ...QUIETLY, PACKAGE]
  if ((await run(apt, args)) === 0) return
  say('That may be for want of lists of packages: they are fetched, and it is tried once more.')
  await run(apt, ['update', '-q'])
  await run(apt, args)
}

const QUIETLY = ['-o', 'Dpkg::Use-Pty=0', '-o', `DPkg::Lock::Timeout=${PATIENCE_S}`]

/** In a process group of its own: Ctrl-C does not reach it, and dpkg that is cut off leaves work for people. */
async function run(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    // dpkg wants the folders of administrators, which root by `su` has not; needrestart would restart what runs.
    env: { ...process.env, PATH: SEARCH_PATH, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' },
  })
  const [code]: (number | null)[] = await once(child, 'exit')
  return code ?? 1
}

/** @throws StartRefused afterwards, when somebody has asked meanwhile to stop */
async function untilItEnds({ say }: InstallOptions, work: () => Promise<void>): Promise<void> {
  let isAsked = false
  const hear = (): void => {
    if (!isAsked) say('Stopping as soon as apt has ended: what it installs must not be left half done.')
    isAsked = true
  }
  for (const signal of STOPPING) process.on(signal, hear)
  try {
    await work()
  } finally {
    for (const signal of STOPPING) process.off(signal, hear)
  }
  if (isAsked) throw new StartRefused('told-to-stop', {})
}

/** Debian starts what it installs: a page of nginx's own on port 80 that nobody asked for. */
async function withoutService(options: InstallOptions, work: () => Promise<void>): Promise<void> {
  writePolicy(options)
  try {
    await work()
  } finally {
    removeLeftPolicy(options)
  }
}

const POLICY_FILE = '/usr/sbin/policy-rc.d'

/** A machine's own policy stays. */
function writePolicy({ policyFile = POLICY_FILE }: InstallOptions): void {
  try {
    fs.writeFileSync(policyFile, NO_SERVICE_OF_NGINX, { flag: 'wx', mode: 0o755 })
  } catch (error) {
    if (errorCode(error) !== ALREADY_THERE) throw error
  }
}

/** Ours only; one that a start left which was killed, too. */
function removeLeftPolicy({ isRoot, policyFile = POLICY_FILE }: InstallOptions): void {
  const isOurs =
    isRoot && fs.existsSync(policyFile) && fs.readFileSync(policyFile, 'utf8') === NO_SERVICE_OF_NGINX
  if (isOurs) fs.rmSync(policyFile, { force: true })
}

/** Nor at the next boot. */
async function staysOff({ searchPath }: InstallOptions): Promise<void> {
  const systemctl = findProgram('systemctl', searchPath)
  if (systemctl !== undefined) await run(systemctl, ['disable', '--quiet', 'nginx.service'])
}
