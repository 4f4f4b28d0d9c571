import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

import { Client } from 'pg'

import { systemClock } from '#control/system/clock.js'

const PROGRAM = path.join(import.meta.dirname, '..', 'programs', 'postgres-box.js')

/** What the program may tell (test/programs/postgres-box.ts). */
export type Happening = 'said' | 'ready' | 'exited' | 'refused'

/** As whom, and in which surroundings, the box is started. */
export interface Start {
  readonly uid?: number
  /** Put before the program: `unshare --user …`. */
  readonly wrapper?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** How the folder of a test is made. */
export interface FolderWishes {
  readonly mode?: number
  readonly owner?: number
  /** A folder in between, that the box makes itself. */
  readonly inside?: string
}

/** A running box. */
export interface Box {
  readonly child: ChildProcess
  /** The next happening of that kind that was not asked for yet. Fails when the program ends without it. */
  next(happening: Happening): Promise<string>
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>
}

/** A folder for one test, with the boxes that were started on it. */
export class BoxFolder {
  readonly root: string
  readonly folder: string
  readonly runFolder: string
  readonly #boxes: Box[] = []

  /** Open to all unless told otherwise: the user nobody reaches it, as a folder in /var/lib. */
  constructor({ mode = 0o755, owner, inside = '' }: FolderWishes = {}) {
    this.root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    chmodSync(this.root, mode)
    if (owner !== undefined) chownSync(this.root, owner, owner)
    this.folder = path.join(this.root, inside, 'postgres')
    this.runFolder = path.join(this.root, inside, 'run')
  }

  start({ uid, wrapper = [], environment = {} }: Start = {}): Box {
    const line = [...wrapper, process.execPath, PROGRAM, this.folder, this.runFolder]
    const [program = '', ...args] = line
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
      ...(uid !== undefined && { uid, gid: uid }),
    })
    const box = followBox(child)
    this.#boxes.push(box)
    return box
  }

  /** The pid in the server's lock; `undefined` when it has none. */
  serverPid(): number | undefined {
    try {
      const lock = path.join(this.folder, 'cluster', 'data', 'postmaster.pid')
      return Number(readFileSync(lock, 'utf8').split('\n', 1).join())
    } catch {
      return undefined
    }
  }

  /** Ends whatever a failed test left, and removes the folder. */
  async remove(): Promise<void> {
    for (const { child } of this.#boxes) await killAndWait(child)
    const left = this.serverPid()
    if (left !== undefined && isServer(left)) await killServer(left)
    rmSync(this.root, { recursive: true, force: true })
  }
}

function followBox(child: ChildProcess): Box {
  const told: { readonly event: string; readonly text: string }[] = []
  const waiting = new EventTarget()
  let ended = false
  if (child.stdout === null) throw new Error('spawned without a pipe')
  createInterface({ input: child.stdout })
    .on('line', (line) => {
      told.push(JSON.parse(line))
      waiting.dispatchEvent(new Event('news'))
    })
    .on('close', () => {
      ended = true
      waiting.dispatchEvent(new Event('news'))
    })
  return {
    child,
    async next(happening) {
      for (;;) {
        const index = told.findIndex(({ event }) => event === happening)
        if (index !== -1) return told.splice(index, 1)[0]?.text ?? ''
        if (ended) throw new Error(`ended, and was never ${happening}: ${JSON.stringify(told)}`)
        await once(waiting, 'news')
      }
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      return child.exitCode
    },
  }
}

/** kill -9, and waits until it is gone. */
export async function killAndWait(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Whether a PostgreSQL has that pid; one that only waits to be collected has ended. */
export function isServer(pid: number): boolean {
  try {
    return /^Name:\s+postgres\n(.*\n)*?State:\s+[^Z]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function killServer(pid: number): Promise<void> {
  process.kill(pid, 'SIGQUIT')
  while (isServer(pid)) await systemClock.sleep(25)
}

/** One statement on a connection of its own. */
export async function query(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined) // told by the query
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}
