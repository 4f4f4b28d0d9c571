import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Clock } from '../system/clock.js'
import type { Part, RunningPart } from './part.js'

/** A program and how to run it. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
}

/** How a program is run, and how long its start and its end may take. */
export interface ChildOptions {
  readonly name: string
  /** Asked at each start. */
  readonly command: () => Command
  /** Asked again and again from the start on: whether this process serves. */
  readonly isReady: (pid: number) => Promise<boolean> | boolean
  /** How long that may take. */
  readonly readyWithinMs: number
  /** The signal that lets what runs end. */
  readonly stopSignal: NodeJS.Signals
  /** How long that may take; then it is killed. */
  readonly stopWithinMs: number
  /** What the child says to its parent, who may answer. A child without is no Node, and gets no channel. */
  readonly onMessage?: (message: unknown, answer: (message: object) => void) => void
  /** Takes whole lines of what it writes. They come by a pipe of its own: nobody can halt it by not reading ours. */
  readonly say: (lines: string) => void
  readonly clock: Clock
}

const POLL_MS = 25

/** A part that is a child process, in a process group of its own, so that Ctrl-C reaches it by us alone. */
export function childPart(options: ChildOptions): Part {
  /** Process groups that may have somebody left: nginx's workers live on without their master. */
  const groups = new Set<number>()
  return {
    name: options.name,
    async start(signal) {
      signal.throwIfAborted()
      const child = await started(options)
      groups.add(child.pid)
      const ended = endOf(child.process).then((how) => {
        // Those who are left take nothing new and end what runs: their ports are free for who comes next.
        if (!signalGroup(child.pid, options.stopSignal)) groups.delete(child.pid)
        return how
      })
      const running = runningChild(child, ended, options)
      await untilReady(child, running, signal, options)
      return running
    },
    kill() {
      for (const group of groups) signalGroup(group, 'SIGKILL')
    },
  }
}

interface Child {
  readonly process: ChildProcess
  readonly pid: number
}

async function started({ command, onMessage, say }: ChildOptions): Promise<Child> {
  const { file, args, environment } = command()
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...(onMessage ? (['ipc'] as const) : [])],
    env: environment,
    detached: true,
  })
  for (const output of [child.stdout, child.stderr]) if (output !== null) passOn(output, say)
  const answer = (message: object): void => void child.send(message, () => undefined) // it may have ended
  if (onMessage) child.on('message', (message) => onMessage(message, answer))
  await once(child, 'spawn')
  if (child.pid === undefined) throw new Error(`${file} has no process id`)
  return { process: child, pid: child.pid }
}

function passOn(output: Readable, say: (lines: string) => void): void {
  let rest = ''
  output.setEncoding('utf8')
  output.on('data', (text: string) => {
    const end = text.lastIndexOf('\n')
    if (end >= 0) say(rest + text.slice(0, end))
    rest = end >= 0 ? text.slice(end + 1) : rest + text
  })
  output.on('end', () => rest !== '' && say(rest))
  output.on('error', () => undefined) // it has ended
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal]: (number | string | null)[] = await once(child, 'exit')
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`
}

function runningChild(
  { process: child, pid }: Child,
  ended: Promise<string>,
  { stopSignal, stopWithinMs, clock }: ChildOptions,
): RunningPart {
  return {
    ended,
    async stop() {
      child.kill(stopSignal)
      const isGone = new AbortController()
      void ended.then(() => isGone.abort())
      await clock.sleep(stopWithinMs, isGone.signal).catch(() => undefined) // it ended in time
      signalGroup(pid, 'SIGKILL')
      await ended
    },
  }
}

async function untilReady(
  { process: child, pid }: Child,
  running: RunningPart,
  signal: AbortSignal,
  { isReady, readyWithinMs, clock }: ChildOptions,
): Promise<void> {
  const deadlineMs = clock.elapsedMs() + readyWithinMs
  while (!(await isReady(pid))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`it ${await running.ended} before it served`)
    }
    if (signal.aborted) {
      await running.stop()
      throw new Error('it was told to stop')
    }
    if (clock.elapsedMs() > deadlineMs) {
      await running.stop()
      throw new Error(`it did not serve within ${readyWithinMs / 1000} s`)
    }
    await clock.sleep(POLL_MS)
  }
}

/** False when nothing of the group is left. */
function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false // ESRCH: all gone
  }
}
