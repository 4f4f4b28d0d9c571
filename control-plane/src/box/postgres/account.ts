import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * As whom PostgreSQL runs, which refuses root. `namespace` is for folders that only the starting user reaches, and for
 * a user id without a name: inside a user namespace of its own the server sees itself as nobody, outside all is ours.
 */
export type Account =
  | { readonly kind: 'self'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace'; readonly uid: number; readonly gid: number }

/** Who starts the box. */
export interface Starter {
  readonly uid: number
  readonly gid: number
}

/** This process; root where the system has no user ids. */
export function starter(): Starter {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
}

/** The lines of /etc/passwd that matter here. */
export interface NamedUser extends Starter {
  readonly name: string
}

/** name:password:uid:gid:… (passwd(5)). */
export function parsePasswd(text: string): readonly NamedUser[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}

/**
 * The accounts to try, best first. Existing data stays with its owner as long as that works: a plain user's database
 * remains theirs when root starts the box once.
 */
export function candidates(
  starter: Starter,
  users: readonly NamedUser[],
  dataOwner: number | undefined,
): readonly Account[] {
  const namespace = { kind: 'namespace', ...starter } as const
  if (starter.uid !== 0) {
    const named = users.some(({ uid }) => uid === starter.uid)
    return named ? [{ kind: 'self', ...starter }, namespace] : [namespace, { kind: 'self', ...starter }]
  }
  const owner = users.find(({ uid }) => uid === dataOwner && uid !== 0)
  const nobody = users.find(({ name }) => name === 'nobody')
  const others = [owner, nobody]
    .filter((user) => user !== undefined)
    .map(({ uid, gid }) => ({ kind: 'user', uid, gid }) as const)
  return dataOwner === 0 ? [namespace, ...others] : [...others, namespace]
}

/** What node:child_process needs to start it. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly options: {
    readonly env: NodeJS.ProcessEnv
    readonly cwd: string
    readonly uid?: number
    readonly gid?: number
  }
}

/** How to spawn a program as that account. Its environment is empty of PG…: those would change what the server does. */
export function commandAs(account: Account, program: string, args: readonly string[]): Command {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' }
  const options = { env, cwd: '/' }
  switch (account.kind) {
    case 'self':
      return { program, args, options }
    case 'user':
      return { program, args, options: { ...options, uid: account.uid, gid: account.gid } }
    case 'namespace': {
      const unshare = ['--user', '--map-user=65534', '--map-group=65534', '--', program]
      return { program: 'unshare', args: [...unshare, ...args], options }
    }
  }
}

/** What a program that came to its end left; `output` is stdout and stderr, or why it did not even start. */
export interface Ended {
  readonly ok: boolean
  readonly output: string
}

/** Runs a program as that account to its end, or that of the signal, with all that it has started; never rejects. */
export async function runAs(
  account: Account,
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<Ended> {
  const command = commandAs(account, program, args)
  const output: Buffer[] = []
  try {
    const child = spawn(command.program, command.args, {
      ...command.options,
      detached: true, // Ctrl-C reaches it by us alone
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => void output.push(piece))
    const end = (): void => endGroup(child.pid)
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted === true) end()
    const [code, how] = (await once(child, 'close')) as [number | null, string | null]
    signal?.removeEventListener('abort', end)
    const said = Buffer.concat(output).toString('utf8').trim()
    return { ok: code === 0, output: said === '' && code !== 0 ? `${program} ended by ${how ?? code}` : said }
  } catch (error) {
    return { ok: false, output: Error.isError(error) ? error.message : String(error) } // a container without that user id
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM')
  } catch {
    // all have ended
  }
}

/** After a loss of power a new name must not stand without its bytes: writes what the file system of `folder` holds. @throws when it could not */
export async function syncDisk(folder: string): Promise<void> {
  const { ok, output } = await runAs({ kind: 'self', ...starter() }, 'sync', ['-f', folder])
  if (!ok) throw new Error(`sync -f ${folder} has failed: ${output}`)
}
