import { lchown, lstat, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'

import { StartRefused } from '../start-refused.js'
import { type Account, candidates, parsePasswd, runAs, starter } from './account.js'

/** What the account must be able to use. */
export interface Reach {
  readonly postgres: string
  readonly folders: readonly string[]
}

/**
 * The first account as which the server runs and reaches its folders.
 * @throws StartRefused when there is none
 */
export async function chooseAccount(reach: Reach, dataOwner: number | undefined): Promise<Account> {
  const who = starter()
  const users = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''))
  const reasons: string[] = []
  for (const account of candidates(who, users, dataOwner)) {
    const { ok, output } = await reaches(account, reach)
    if (ok) return account
    reasons.push(output)
  }
  const itself = await runAs({ kind: 'self', ...who }, reach.postgres, ['--version'])
  if (!itself.ok)
    throw new StartRefused('postgres-not-runnable', { program: reach.postgres, reason: itself.output })
  const blocked = (await Promise.all(reach.folders.map(findClosedFolder))).find(
    (found) => found !== undefined,
  )
  const folder = reach.folders[0] ?? reach.postgres
  throw new StartRefused('postgres-no-account', { folder, blocked, reason: reasons.join('; ') })
}

async function reaches(account: Account, { postgres, folders }: Reach): ReturnType<typeof runAs> {
  const script = 'for folder in "$@"; do cd -- "$folder" || exit 1; done; exec "$0" --version'
  return runAs(account, '/bin/sh', ['-c', script, postgres, ...folders])
}

/** The outermost folder on the way that others may not pass. */
async function findClosedFolder(folder: string): Promise<string | undefined> {
  const parent = path.dirname(folder)
  const above = parent === folder ? undefined : await findClosedFolder(parent)
  if (above !== undefined) return above
  const { mode } = await stat(folder)
  return (mode & 0o001) === 0 ? folder : undefined
}

/** Gives a folder and all in it to the account. The folder itself comes last: when it is theirs, all is. */
export async function giveTo(account: Account, file: string): Promise<void> {
  const found = await lstat(file)
  if (found.uid === account.uid) return
  if (found.isDirectory())
    for (const name of await readdir(file)) await giveTo(account, path.join(file, name))
  await lchown(file, account.uid, account.gid)
}
