import fs from 'node:fs'
import path from 'node:path'

const LISTENING = '0A'

interface Listener {
  readonly inode: string
  readonly uid: string
}

/** Columns of the kernel's table: sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode. */
function findListener(port: number): Listener | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = fs.existsSync(table) ? fs.readFileSync(table, 'utf8') : ''
    for (const row of text.split('\n').slice(1)) {
      const [, local, , state, , , , uid, , inode] = row.trim().split(/\s+/)
      if (state !== LISTENING || local?.endsWith(suffix) !== true) continue
      if (uid !== undefined && inode !== undefined) return { uid, inode }
    }
  }
  return undefined
}

function holds(pid: string, inode: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return fs.readdirSync(folder).some((fd) => fs.readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`)
  } catch {
    return false // ended meanwhile, or another user's
  }
}

/** The command line without its folders: what a person recognizes, on one line. */
function commandOf(pid: string): string {
  const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  const short = words.map((word) => (word.startsWith('/') ? path.basename(word) : word)).join(' ')
  return short.slice(0, 120)
}

function userName(uid: string): string {
  const rows = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
  return rows.map((row) => row.split(':')).find((columns) => columns[2] === uid)?.[0] ?? `uid ${uid}`
}

/** Who listens on this port, in words; also what to type when this user may not see it. */
export function describeOwner(port: number): string {
  const listener = findListener(port)
  if (listener === undefined) return 'a process that /proc does not show'
  const pid = fs.readdirSync('/proc').find((name) => /^\d+$/.test(name) && holds(name, listener.inode))
  if (pid === undefined) {
    return `a process of ${userName(listener.uid)} that this user may not see (sudo ss -ltnp 'sport = :${port}')`
  }
  return `process ${pid} (${commandOf(pid)})`
}
