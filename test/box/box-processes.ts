import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface BoxProcess {
  readonly pid: number
  /** As `ps` shows it. */
  readonly command: string
}

/**
 * Everybody who has to do with a folder, however started and by whom: by arguments, environment, working directory or an
 * open file. Neither a group nor a parent tells that, since nginx's workers and Postgres's sessions outlive theirs.
 */
export function processesOf(folder: string): readonly BoxProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && !endedOf(Number(name)))
    .filter((pid) => [...traces(pid)].some((trace) => trace.includes(folder)))
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
}

/** Killed, though perhaps nobody has asked for its exit code yet. */
export function endedOf(pid: number): boolean {
  const status = read(`/proc/${pid}/status`)
  return status === '' || /^State:\s+[ZX]/m.test(status)
}

function* traces(pid: string): Generator<string> {
  yield commandOf(pid)
  yield read(`/proc/${pid}/environ`)
  yield linkOf(`/proc/${pid}/cwd`)
  for (const open of list(`/proc/${pid}/fd`)) yield linkOf(`/proc/${pid}/fd/${open}`)
}

function commandOf(pid: string): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // ended meanwhile
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return '' // ended meanwhile, or a thread of the kernel
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // ended meanwhile
  }
}
