import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { errorCode } from '../system/error-code.js'
import { findProgram } from './find-program.js'
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
const NO_SERVICES =
  '#!/bin/sh\n# Entrepot is installing nginx, which it starts by itself. It removes this file at once.\nexit 101\n'

/**
 * The nginx of this machine; where it is missing, root of a Debian gets it, and everybody else is told what to type.
 * @throws StartRefused
 */
export async function ensureNginx(options: InstallOptions): Promise<NginxProgram> {
  const found = findNginx(options.searchPath)
  if (found !== undefined) return found
  const apt = findProgram('apt-get', options.searchPath)
  if (apt === undefined)
    throw new StartRefused('nginx is missing: install nginx 1.22 or newer, then npm start')
  const line = `${options.isRoot ? '' : 'sudo '}apt-get install -y ${PACKAGE}`
  if (!options.isRoot)
    throw new StartRefused(`nginx is missing. Type this once, then npm start again: ${line}`)
  options.say(`nginx is missing: ${line}, a minute at most`)
  await withoutServices(options, () => install(apt))
  const installed = findNginx(options.searchPath)
  if (installed === undefined)
    throw new StartRefused(`nginx is missing, and "${line}" did not bring it: the lines above say why`)
  await staysOff(options)
  options.say(
    `nginx ${installed.version} is installed; its own service stays off, Entrepot starts it by itself`,
  )
  return installed
}

/** Lists of packages that are missing or old are the usual reason for a failure on a fresh machine. */
async function install(apt: string): Promise<void> {
  const args = ['install', '-y', '--no-install-recommends', '-q', PACKAGE]
  if ((await run(apt, args)) === 0) return
  await run(apt, ['update', '-q'])
  await run(apt, args)
}

async function run(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  const [code]: (number | null)[] = await once(child, 'exit')
  return code ?? 1
}

/** Debian starts what it installs: a page of nginx's own on port 80 that nobody asked for. */
async function withoutServices(
  { policyFile = '/usr/sbin/policy-rc.d' }: InstallOptions,
  work: () => Promise<void>,
): Promise<void> {
  const isOurs = writePolicy(policyFile)
  try {
    await work()
  } finally {
    if (isOurs) fs.rmSync(policyFile, { force: true })
  }
}

/** False when the machine has a policy of its own, which stays. */
function writePolicy(file: string): boolean {
  try {
    fs.writeFileSync(file, NO_SERVICES, { flag: 'wx', mode: 0o755 })
    return true
  } catch (error) {
    if (errorCode(error) === ALREADY_THERE) return false
    throw error
  }
}

/** Nor at the next boot. */
async function staysOff({ searchPath }: InstallOptions): Promise<void> {
  const systemctl = findProgram('systemctl', searchPath)
  if (systemctl !== undefined) await run(systemctl, ['disable', '--quiet', 'nginx.service'])
}
