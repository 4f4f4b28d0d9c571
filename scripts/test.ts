// npm test [LANE or part of a test's path...]: one build (pretest made it), two queues of lanes side by side, the sum
// as the last line.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DEEP, type Lane, LANES, packagesOf } from './lanes.ts'
import { type Outcome, runLane } from './run-lane.ts'
import { assignTests, chooseTests, type TestFile } from './test-files.ts'

const CI = process.env['CI'] === 'true'
const deep = process.argv.includes('--deep')
const words = process.argv.slice(2).filter((argument) => argument !== '--deep')

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort())

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function isCommand(name: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  return folders.some((folder) => fs.existsSync(path.join(folder, name)))
}

/** What this machine lacks for the lane, as the sentence to print; undefined when it can run. */
function findObstacle({ ciOnly, commands }: Lane): string | undefined {
  const missing = commands.filter((command) => !isCommand(command))
  const install =
    missing.length > 0 ? [`${missing.join(', ')} missing: apt-get install ${packagesOf(missing)}`] : []
  if (ciOnly && !CI) return ['needs CI=true, as root on a machine that may be changed', ...install].join('; ')
  if (ciOnly && process.getuid?.() !== 0) return ['needs root', ...install].join('; ')
  return install[0]
}

function report({ lane, passed, failed, remarks, minutes, log }: Outcome): void {
  if (failed > 0) say(fs.readFileSync(log, 'utf8'))
  say(`${lane.name.padEnd(10)} ${passed} passed, ${failed} failed, ${minutes.toFixed(1)} min`)
  for (const remark of remarks) say(`${' '.repeat(10)} ${remark}`)
}

async function runQueues(
  lanes: readonly Lane[],
  tests: ReadonlyMap<Lane, readonly TestFile[]>,
): Promise<Outcome[]> {
  const queues = Map.groupBy(lanes, ({ queue }) => queue)
  const workers = Math.max(1, Math.floor(os.availableParallelism() / queues.size))
  const outcomes: Outcome[] = []
  async function drain(queue: readonly Lane[]): Promise<void> {
    for (const lane of queue) {
      if (interruption.signal.aborted) return
      const outcome = await runLane(lane, tests.get(lane) ?? [], {
        workers,
        ci: CI,
        signal: interruption.signal,
      })
      report(outcome)
      outcomes.push(outcome)
    }
  }
  await Promise.all([...queues.values()].map(drain))
  return outcomes
}

async function main(): Promise<void> {
  const { files: all, faults: misplaced } = assignTests(LANES, DEEP)
  const table = new Map([...all].filter(([lane]) => (lane === DEEP) === deep))
  const { files, faults: unknown } = chooseTests(table, words)
  const faults = [...misplaced, ...unknown]
  const obstacles = new Map([...files.keys()].map((lane) => [lane, findObstacle(lane)]))
  const stopped = [...obstacles].filter(([, obstacle]) => obstacle !== undefined)
  const start = performance.now()
  const ready = [...obstacles.keys()].filter((lane) => obstacles.get(lane) === undefined)
  const outcomes = await runQueues(ready, files)
  say(`together   ${((performance.now() - start) / 60_000).toFixed(1)} min`)
  for (const fault of faults) say(`FAILED: ${fault}`)
  // With CI=true every lane is owed: a tool that is missing there is a failure.
  for (const [{ name }, obstacle] of stopped) say(`${CI ? 'FAILED' : 'not run'}: ${name}: ${obstacle}`)
  const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  const failed =
    sum('failed') + faults.length + (CI ? stopped.length : 0) + (interruption.signal.aborted ? 1 : 0)
  process.exitCode = failed === 0 ? 0 : 1
  say(`${sum('passed')} passed, ${failed} failed`)
}

await main()
