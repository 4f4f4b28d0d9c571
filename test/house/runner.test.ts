import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { runToEnd } from '../support/processes.js'

const ROOT = path.join(import.meta.dirname, '../../..')
/** Inside the checkout, where jest looks; git ignores it. */
const CACHE = path.join(ROOT, '.ci/cache')

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly remarks: readonly string[]
}

let folder: string

beforeEach(() => {
  mkdirSync(CACHE, { recursive: true })
  folder = mkdtempSync(path.join(CACHE, 'lane-'))
  mkdirSync(path.join(folder, 'dist'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What this program, a module that imports from scripts/, prints as JSON. */
async function printedBy(program: string): Promise<unknown> {
  const { stdout, stderr } = await runToEnd(process.execPath, ['--input-type=module', '-e', program], {
    cwd: ROOT,
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** Runs one lane with one test file of this text, in the runner that `npm test` uses. */
async function runLaneWith(
  text: string,
  { ci = false, minutes = 1, testSeconds = 60 } = {},
): Promise<Outcome> {
  const built = path.join(folder, 'dist', 'given.test.js')
  writeFileSync(built, text)
  const lane = {
    name: path.basename(folder),
    folders: [],
    ciOnly: false,
    commands: [],
    queue: 'core',
    ...{ minutes, testSeconds },
  }
  const program = `
    const { runLane } = await import(${JSON.stringify(path.join(ROOT, 'scripts/run-lane.ts'))})
    const signal = new AbortController().signal
    const outcome = await runLane(${JSON.stringify(lane)}, [{ source: '', built: ${JSON.stringify(built)} }], {
      workers: 1, ci: ${ci}, signal })
    console.log(JSON.stringify(outcome))`
  const outcome = await printedBy(program)
  for (const extension of ['json', 'log'])
    rmSync(path.join(CACHE, 'test', `${lane.name}.${extension}`), { force: true })
  return outcome as Outcome
}

/** Killed, though perhaps nobody has asked for its exit code yet. */
function isGone(pid: string): boolean {
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || readFileSync(stat, 'utf8').includes(') Z ')
}

const PASSING = "test('passes', () => expect(1).toBe(1))\n"

describe('a lane', () => {
  test('counts what passed and what failed', async () => {
    const failing = "test('fails', () => expect(1).toBe(2))\n"
    expect(await runLaneWith(PASSING + failing)).toMatchObject({ passed: 1, failed: 1, remarks: [] })
  })

  test('whose file cannot be loaded has failed', async () => {
    expect(await runLaneWith(`import 'nothing-of-this-name'\n${PASSING}`)).toMatchObject({
      passed: 0,
      failed: 1,
    })
  })

  test('that crashes without results has failed', async () => {
    const outcome = await runLaneWith("test('dies', () => process.kill(process.ppid, 'SIGKILL'))")
    expect(outcome).toMatchObject({ passed: 0, failed: 1, remarks: ['crashed without results'] })
  })

  test('that takes too long is ended, and has failed', async () => {
    const outcome = await runLaneWith("test('hangs', () => new Promise(() => {}), 1e6)", { minutes: 0.05 })
    expect(outcome).toMatchObject({ passed: 0, failed: 1 })
    expect(outcome.remarks).toContain('ended after 0.05 minutes')
  })

  test('ends a test that takes longer than its limit, and only that', async () => {
    const waiting = "test('waits', () => new Promise((resolve) => setTimeout(resolve, 700)))"
    expect(await runLaneWith(waiting, { testSeconds: 0.2 })).toMatchObject({
      ...{ passed: 0, failed: 1, remarks: [] },
    })
    expect(await runLaneWith(waiting, { testSeconds: 20 })).toMatchObject({ passed: 1, failed: 0 })
  })

  test('that leaves a process running has failed, and the process is gone', async () => {
    const outcome = await runLaneWith(`import { spawn } from 'node:child_process'
      test('leaves one', () => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref())`)
    expect(outcome).toMatchObject({ passed: 1, failed: 1 })
    expect(outcome.remarks).toEqual([expect.stringMatching(/^left running, killed: \d+ sleep 600$/)])
    const pid = outcome.remarks[0]?.split(' ')[3] ?? ''
    await eventually('it is gone', () => isGone(pid))
  })

  test('names what it left out, which in CI is a failure', async () => {
    const skipping = `${PASSING}test.skip('is left out', () => {})`
    expect(await runLaneWith(skipping)).toMatchObject({
      failed: 0,
      remarks: ['not run: is left out'],
    })
    expect(await runLaneWith(skipping, { ci: true })).toMatchObject({ passed: 1, failed: 1 })
  })
})

describe('npm test with words', () => {
  const A = { source: 'test/a/pulling.test.ts', built: '' }
  const B = { source: 'test/b/pulling.test.ts', built: '' }
  const C = { source: 'test/b/pushing.test.ts', built: '' }

  /** Lane `a` with the test A, lane `b` with B and C: which of them run, lane by lane. */
  async function chosenBy(...words: readonly string[]): Promise<unknown> {
    const lanes = JSON.stringify([
      [{ name: 'a' }, [A]],
      [{ name: 'b' }, [B, C]],
    ])
    return printedBy(`
      const { chooseTests } = await import(${JSON.stringify(path.join(ROOT, 'scripts/test-files.ts'))})
      const { files, faults } = chooseTests(new Map(${lanes}), ${JSON.stringify(words)})
      const lanes = [...files].map(([{ name }, tests]) => [name, tests])
      console.log(JSON.stringify({ ...Object.fromEntries(lanes), faults }))`)
  }

  test('runs the lanes of that name whole, and without a word all of them', async () => {
    expect(await chosenBy('b')).toEqual({ b: [B, C], faults: [] })
    expect(await chosenBy()).toEqual({ a: [A], b: [B, C], faults: [] })
  })

  test('runs tests with that in their path, each in its lane', async () => {
    expect(await chosenBy('b/pu', 'a')).toEqual({ a: [A], b: [B, C], faults: [] })
    expect(await chosenBy('pulling')).toEqual({ a: [A], b: [B], faults: [] })
    expect(await chosenBy('test/b/pushing.test.ts')).toEqual({ b: [C], faults: [] })
  })

  test('a word that is no lane and in no path is a fault, and runs nothing', async () => {
    const fault = 'no lane is "pull!", and no test has that in its path: there are a, b'
    expect(await chosenBy('pull!')).toEqual({ faults: [fault] })
  })
})
