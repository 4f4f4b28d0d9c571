import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lane } from './lanes.ts'
import { findLeftOvers, kill, MARK } from './left-over.ts'
import { ROOT, type TestFile } from './test-files.ts'

export interface Outcome {
  readonly lane: Lane
  readonly passed: number
  readonly failed: number
  /** Sentences beside jest's own output: what else went wrong, what did not run. */
  readonly remarks: readonly string[]
  readonly minutes: number
  readonly log: string
}

/** The part of `jest --json` that is read here. */
interface JestResults {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numRuntimeErrorTestSuites: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
]
const RESULTS = path.join(ROOT, '.ci', 'cache', 'test')
/** Jest has written its results and should be gone; what is still open then is a fault of a test. */
const EXIT_GRACE_MS = 10_000
/** What was told to end, or cleans up after a killed test, gets this long. */
const SWEEP_GRACE_MS = 10_000
const POLL_MS = 250

/** Ends when the lane has ended, one way or another: no process of it is left. */
export async function runLane(
  lane: Lane,
  tests: readonly TestFile[],
  { workers, ci, signal }: { workers: number; ci: boolean; signal: AbortSignal },
): Promise<Outcome> {
  fs.mkdirSync(RESULTS, { recursive: true })
  const results = path.join(RESULTS, `${lane.name}.json`)
  const log = path.join(RESULTS, `${lane.name}.log`)
  fs.rmSync(results, { force: true })
  const mark = `${process.pid}-${lane.name}`
  const start = performance.now()
  const output = fs.openSync(log, 'w')
  const files = tests.map(({ built }) => path.relative(ROOT, built))
  const limits = [`--maxWorkers=${workers}`, `--testTimeout=${lane.testSeconds * 1000}`]
  const options = ['--json', `--outputFile=${results}`, '--runTestsByPath']
  const child = spawn(process.execPath, [...JEST, ...limits, ...options, ...files], {
    cwd: ROOT,
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', output, output], // tests print their seeds and figures
    detached: true,
  })
  fs.closeSync(output)
  const remarks = await ended(child, { lane, results, signal })
  remarks.push(...(await sweep(mark)))
  const minutes = (performance.now() - start) / 60_000
  return { lane, minutes, log, ...count(results, { remarks, ci }) }
}

/** Waits for jest; a lane that takes too long, is interrupted, or does not end after its results is killed. */
async function ended(
  child: ChildProcess,
  { lane, results, signal }: { lane: Lane; results: string; signal: AbortSignal },
): Promise<string[]> {
  const exit = once(child, 'exit')
  const deadline = performance.now() + lane.minutes * 60_000
  let writtenAt = Number.POSITIVE_INFINITY
  for (;;) {
    if ((await Promise.race([exit, sleep(POLL_MS)])) !== undefined) return []
    const now = performance.now()
    if (fs.existsSync(results)) writtenAt = Math.min(writtenAt, now)
    const cause = signal.aborted
      ? 'interrupted'
      : now > deadline
        ? `ended after ${lane.minutes} minutes`
        : now > writtenAt + EXIT_GRACE_MS
          ? 'a test left something open: jest did not exit'
          : undefined
    if (cause === undefined) continue
    if (child.pid !== undefined) kill(-child.pid, 'SIGKILL')
    await exit
    return [cause]
  }
}

async function sweep(mark: string): Promise<string[]> {
  const end = performance.now() + SWEEP_GRACE_MS
  while (findLeftOvers(mark).length > 0 && performance.now() < end) await sleep(POLL_MS)
  const left = findLeftOvers(mark)
  for (const { pid } of left) kill(pid, 'SIGKILL')
  return left.map(({ pid, command }) => `left running, killed: ${pid} ${command.slice(0, 160)}`)
}

function count(results: string, { remarks, ci }: { remarks: readonly string[]; ci: boolean }) {
  if (!fs.existsSync(results))
    return { passed: 0, failed: 1, remarks: [...remarks, 'crashed without results'] }
  const jest = JSON.parse(fs.readFileSync(results, 'utf8')) as JestResults
  const skipped = jest.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => `not run: ${fullName}`)
  const failed = jest.numFailedTests + jest.numRuntimeErrorTestSuites + (ci ? skipped.length : 0)
  const broken = remarks.length > 0 || !jest.success
  return {
    passed: jest.numPassedTests,
    failed: failed === 0 && broken ? 1 : failed,
    remarks: [...remarks, ...skipped],
  }
}
