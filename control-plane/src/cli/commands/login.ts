import { X509Certificate } from 'node:crypto'

import type { Command } from 'commander'
import { Agent, request } from 'undici'

import { CERTIFICATE_ROUTES } from '../../front/certificates.schema.js'
import { HEALTH_ROUTES } from '../../health/health.schema.js'
import { routeUrl } from '../../http/route-url.js'
import { call, isStranger } from '../call.js'
import { addConnectionOptions, type Run } from '../command.js'
import { type Connection, type ConnectionOptions, findConnection } from '../connection.js'
import { cannotReach, CommandFailed, usageError } from '../failures.js'
import { findLogin, keepLogin, type StoredLogin } from '../stored-login.js'
import type { Terminal } from '../terminal.js'

interface LoginOptions extends ConnectionOptions {
  readonly fingerprint?: string
}

const CONNECT_MS = 10_000
const EXAMPLES = `
Examples:
  $ entrepot login
  $ entrepot login --server https://box.lan:5445 --token "$TOKEN" --fingerprint AB:CD:…`

export function addLogin(program: Command, run: Run): void {
  const command = program
    .command('login')
    .description(
      'Looks at the authority of a box once, and keeps it, the address and an admin token for later commands.',
    )
    .option('--fingerprint <sha256>', 'the one that the box has printed: nobody is asked then')
    .addHelpText('after', EXAMPLES)
  addConnectionOptions(command)
  command.action(async () => login(command.opts<LoginOptions>(), run))
}

async function login(options: LoginOptions, { terminal, environment }: Run): Promise<void> {
  const asked = findConnection(options, environment, findWholeLogin(environment))
  const ca = await trusted(asked, options, terminal)
  const token = options.token ?? environment['ENTREPOT_ADMIN_TOKEN'] ?? (await askToken(terminal))
  const connection = { server: asked.server, token, ca }
  await call(connection, HEALTH_ROUTES.get)
  const place = keepLogin(environment, { server: asked.server, token, ...(ca !== undefined && { ca }) })
  terminal.out(`Logged in to ${asked.server}; kept in ${place}.\n`)
}

/** A damaged one is what this command mends. */
function findWholeLogin(environment: Run['environment']): StoredLogin | undefined {
  try {
    return findLogin(environment)
  } catch (error) {
    if (error instanceof CommandFailed) return undefined
    throw error
  }
}

/** The authority to trust there: one that was named, none where the system knows it, else one that a person has compared. */
async function trusted(
  { server, ca: kept }: Connection,
  { ca: file, fingerprint }: LoginOptions,
  terminal: Terminal,
): Promise<string | undefined> {
  if (server.startsWith('http:')) return undefined
  const known = file === undefined && fingerprint !== undefined ? undefined : kept
  if (await isTrusted(server, known)) return known
  if (file !== undefined) throw usageError(`--ca: the certificate of ${server} is not of that authority`)
  const pem = await fetchAuthority(server)
  const found = new X509Certificate(pem).fingerprint256
  if (!(await isTrusted(server, pem)))
    throw new CommandFailed(
      1,
      `the certificate of ${server} is not of its own authority: name that with --ca FILE`,
    )
  await compare(found, fingerprint, terminal)
  return pem
}

/** Whether its certificate is of this authority, or of one that the system trusts. */
async function isTrusted(server: string, ca: string | undefined): Promise<boolean> {
  try {
    await get(server, ca === undefined ? {} : { ca })
    return true
  } catch (error) {
    if (isStranger(error)) return false
    throw cannotReach(`${server} cannot be reached: ${Error.isError(error) ? error.message : String(error)}`)
  }
}

/** Before it is trusted nothing else is asked, and nothing is sent. */
async function fetchAuthority(server: string): Promise<string> {
  const pem = await get(server, { rejectUnauthorized: false })
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new CommandFailed(1, `${server} does not say what its authority is: name it with --ca FILE`)
  return pem
}

async function get(
  server: string,
  tls: { readonly ca?: string; readonly rejectUnauthorized?: boolean },
): Promise<string> {
  const dispatcher = new Agent({ connect: { timeout: CONNECT_MS, ...tls } })
  try {
    const { body } = await request(routeUrl(server, CERTIFICATE_ROUTES.authority), { dispatcher })
    return await body.text()
  } finally {
    await dispatcher.close()
  }
}

async function compare(found: string, given: string | undefined, terminal: Terminal): Promise<void> {
  const plain = (text: string) => text.replaceAll(/[^0-9a-f]/gi, '').toUpperCase()
  if (given !== undefined) {
    if (plain(given) === plain(found)) return
    throw new CommandFailed(1, `its authority is another one: ${found}`)
  }
  terminal.error(`The authority of this box, SHA-256:\n  ${found}\n`)
  if (!terminal.canAsk)
    throw usageError('compare it with the one that the box has printed, and say it with --fingerprint')
  const answer = await terminal.ask('Has the box printed the same one? (yes/no) ')
  if (!/^y(es)?$/i.test(answer)) throw new CommandFailed(1, 'nothing is kept')
}

async function askToken(terminal: Terminal): Promise<string> {
  const token = terminal.canAsk
    ? await terminal.ask('Admin token: ', { isSecret: true })
    : (await terminal.read()).trim()
  if (token === '') throw usageError('an admin token is needed: --token, ENTREPOT_ADMIN_TOKEN, or stdin')
  return token
}
