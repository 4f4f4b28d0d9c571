import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { eventually } from '../support/eventually.js'
import { startProcess } from '../support/processes.js'

/** What strace does to a running process. */
export interface TraceOptions {
  /** The system calls to see. */
  readonly calls: readonly string[]
  /** What happens at them, as strace(1) has it: `signal=KILL:when=3`, `error=EIO:when=1+`; nothing: they are counted. */
  readonly inject?: string
  /** Only calls on these files. */
  readonly files?: readonly string[]
}

/** A strace that holds a process; ending it lets the process go on unharmed. */
export interface Trace extends AsyncDisposable {
  /** The calls so far, a line each, as `<pid> <call>(…) = …`. */
  calls(): readonly string[]
  /** Lets the process go; the calls can still be read until it is disposed of. */
  detach(): Promise<void>
  /** Waits for the process to die: strace must not let go of one that is dying, it would wait for it for ever. */
  untilDead(): Promise<void>
}

/** Attaches to every thread of a process. Counters (`when=N`) count from here, for each thread and call on its own. */
export async function traceProcess(pid: number, { calls, inject, files = [] }: TraceOptions): Promise<Trace> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const output = path.join(folder, 'calls')
  const set = calls.join(',')
  const strace = await startProcess('strace', [
    ...['-f', '-p', String(pid), '-o', output, '-y', '-s', '64', '-e', `trace=${set}`],
    ...(inject === undefined ? [] : ['-e', `inject=${set}:${inject}`]),
    ...files.flatMap((file) => ['-P', file]),
  ])
  const endsWithin = async (deadlineMs: number): Promise<boolean> => {
    let hasEnded = false
    void strace.ended.then(() => {
      hasEnded = true
    })
    return eventually('strace ends', () => hasEnded, { deadlineMs, everyMs: 2 }).catch(() => false)
  }
  const detach = async (): Promise<void> => {
    strace.signal('SIGTERM')
    if (await endsWithin(5000)) return
    strace.signal('SIGKILL') // the kernel lets its processes go on
    await strace.ended
  }
  try {
    await eventually(
      `strace holds process ${pid}`,
      () => {
        if (/Operation not permitted|No such process/.test(strace.log())) throw new Error(strace.log())
        return /Process \d+ attached/.test(strace.log())
      },
      { everyMs: 5 },
    )
  } catch (error) {
    await detach()
    rmSync(folder, { recursive: true })
    throw error
  }
  return {
    calls: () => readFileSync(output, 'utf8').split('\n').filter(Boolean),
    detach,
    async untilDead() {
      if (!(await endsWithin(5000))) await detach()
    },
    async [Symbol.asyncDispose]() {
      await detach()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One call of the busiest thread that makes it: `when=<count>` hits it. */
export interface CallPoint {
  readonly call: string
  readonly count: number
}

/** The calls of a trace as points. What wakes up an event loop is none: nobody else sees it. */
export function pointsOf(lines: readonly string[]): readonly CallPoint[] {
  const counts = new Map<string, number>()
  const points = new Map<string, CallPoint>()
  for (const line of lines) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (thread === undefined || call === undefined) continue
    const count = (counts.get(`${thread} ${call}`) ?? 0) + 1
    counts.set(`${thread} ${call}`, count)
    if (!line.includes('<anon_inode:[eventfd]>')) points.set(`${call} ${count}`, { call, count })
  }
  return [...points.values()]
}
