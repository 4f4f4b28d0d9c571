import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { text } from 'node:stream/consumers'

import { systemClock } from '#core/system/clock.js'
import { eventually } from './eventually.js'

/** How a process ended: by an exit code or by a signal. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process that a test started, and answers for. */
export interface RunningProcess {
  readonly pid: number
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<Ending>
  /** What it wrote, stdout and stderr in order of arrival; of more than 32 MiB the beginning is dropped, by lines. */
  log(): string
  signal(name: NodeJS.Signals): void
  /** Reads no more of what it writes, as a halted terminal; answers what reads on. */
  stopReading(): () => void
  /** SIGTERM, then SIGKILL after `graceMs`. Answers at once when it has ended already. */
  stop(graceMs?: number): Promise<Ending>
}

export interface ProcessOptions {
  readonly cwd?: string
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** Where a server listens. */
export type Address = { readonly port: number; readonly host?: string } | { readonly socket: string }

/** Starts a program and collects what it writes. Throws when there is no such program. */
export async function startProcess(
  program: string,
  args: readonly string[],
  { cwd, environment }: ProcessOptions = {},
): Promise<RunningProcess> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = new Tail()
  child.stdout.on('data', (chunk: Buffer) => written.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => written.push(chunk))
  const ended = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error(`${program} did not start`)
  return {
    pid,
    ended,
    log: () => written.text(),
    signal: (name) => void child.kill(name),
    stopReading() {
      const outputs = [child.stdout, child.stderr]
      for (const output of outputs) output.pause()
      return () => outputs.forEach((output) => output.resume())
    },
    stop: (graceMs = 10_000) => stop(child, ended, graceMs),
  }
}

const TAIL_BYTES = 32 * 1024 * 1024

/** The last bytes of a log: a registry under attack can write more than a string holds. */
class Tail {
  #chunks: Buffer[] = []
  #bytes = 0
  #cut = false

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < 2 * TAIL_BYTES) return
    this.#chunks = [Buffer.concat(this.#chunks).subarray(-TAIL_BYTES)]
    this.#bytes = TAIL_BYTES
    this.#cut = true
  }

  text(): string {
    const all = Buffer.concat(this.#chunks)
    return all.subarray(this.#cut ? all.indexOf('\n') + 1 : 0).toString()
  }
}

async function stop(child: ChildProcess, ended: Promise<Ending>, graceMs: number): Promise<Ending> {
  child.kill('SIGTERM')
  const cancel = systemClock.after(graceMs, () => child.kill('SIGKILL'))
  try {
    return await ended
  } finally {
    cancel()
  }
}

/** Runs a program to its end; the caller judges the exit code. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  { cwd, environment }: ProcessOptions = {},
): Promise<Ending & { readonly stdout: string; readonly stderr: string }> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const [stdout, stderr, ending] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { ...ending, stdout, stderr }
}

/** The kernel gives a port that was closed a moment ago again: two questions would have one answer. */
const given = new Set<number>()

/** A TCP port of 127.0.0.1 that was free a moment ago, another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    await once(server, 'close')
    if (address === null || typeof address === 'string') throw new Error('a TCP server without a port')
    if (given.has(address.port)) continue
    given.add(address.port)
    return address.port
  }
}

/** Processor time that a process has used so far, in user and system mode: what a busy machine does not stretch. */
export function cpuTimeMs(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user, system] = rest.split(' ').slice(11, 13)
  return (Number(user) + Number(system)) * 10 // the kernel's clock ticks are a hundredth of a second
}

/** A connected socket; what is written to it and read from it is up to the caller. */
export async function connectTo(address: Address): Promise<net.Socket> {
  const socket =
    'socket' in address
      ? net.connect({ path: address.socket })
      : net.connect({ port: address.port, host: address.host ?? '127.0.0.1' })
  await once(socket, 'connect')
  return socket
}

/** Waits until something accepts connections there; fails at once, with its log, when the process ends before. */
export async function untilListening(
  address: Address,
  running: RunningProcess,
  deadlineMs = 30_000,
): Promise<void> {
  let ending: Ending | undefined
  void running.ended.then((how) => {
    ending = how
  })
  await eventually(
    `process ${running.pid} listens on ${JSON.stringify(address)}`,
    async () => {
      if (ending)
        throw new Error(`it ended (${JSON.stringify(ending)}) before it listened:\n${running.log()}`)
      return accepts(address)
    },
    { deadlineMs },
  )
}

async function accepts(address: Address): Promise<boolean> {
  try {
    const socket = await connectTo(address)
    socket.destroy()
    return true
  } catch {
    return false // refused, or no such socket yet: the caller asks again
  }
}
