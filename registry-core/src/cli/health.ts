import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import type { Environment } from '../config/environment.js'
import { readSettings } from '../config/read-settings.js'
import type { Settings } from '../config/settings.js'
import { addressName } from '../http/listen.js'
import { askHealth } from '../http/probe.js'
import type { ExitCode, Terminal } from './terminal.js'

/** Asks for /healthz where the configuration says that the registry listens: what the image's HEALTHCHECK runs. */
export async function health(
  given: string | undefined,
  isJson: boolean,
  environment: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  const file = given ?? findServedFile()
  const finding =
    file === undefined
      ? 'no registry runs here: name its configuration file'
      : await ask(readSettings(file, environment))
  if (isJson) terminal.out(`${JSON.stringify({ file, isAlive: finding === undefined, finding })}\n`)
  else terminal.out(`${finding ?? 'alive'}\n`)
  return finding === undefined ? 0 : 1
}

/** Undefined when it is alive; what is wrong else. */
async function ask({ listeners, operations, tls }: Settings): Promise<string | undefined> {
  // An address for operators asks for no certificate of a client.
  const [operator] = operations
  const address = operator?.address ?? listeners[0]?.address
  if (address === undefined) return 'it listens nowhere'
  const answer = await askHealth(address, operator === undefined ? tls : undefined)
  return answer === 'alive' ? undefined : `${addressName(address)}: ${answer}`
}

/** In a container nobody knows under which file it was started but the process itself: `registry serve <config>`. */
function findServedFile(): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const words = read(`/proc/${pid}/cmdline`).split('\0')
    const serve = words.indexOf('serve')
    const program = path.basename(words[serve - 1] ?? '', '.js')
    const file = words.slice(serve + 1).find((word) => word !== '' && !word.startsWith('-'))
    if (!['registry', 'registry-core'].includes(program) || file === undefined) continue
    return path.resolve(folderOf(pid), file)
  }
  return undefined
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // that process has ended meanwhile
  }
}

/** Where a process stands, for a path that is not absolute; here, when it belongs to another user. */
function folderOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return '.'
  }
}
