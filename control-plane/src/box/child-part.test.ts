import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '../system/clock.js'
import { type ChildOptions, childPart } from './child-part.js'
import type { Part } from './part.js'

let folder: string
let made: Part[] = []

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => {
  for (const part of made) part.kill()
  made = []
  fs.rmSync(folder, { recursive: true })
})

const SERVES =
  "require('node:fs').writeFileSync(process.argv[1] + '/pid', String(process.pid)); setInterval(() => {}, 1000);"

/** A child that is ready once it has written its pid; the script's text comes after that. */
function part(script: string, options: Partial<ChildOptions> = {}): Part {
  const one = childPart({
    name: 'stand-in',
    command: () => ({ file: process.execPath, args: ['-e', script, folder], environment: process.env }),
    isReady: (pid) => read('pid') === String(pid),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 20_000,
    clock: systemClock,
    say: () => undefined,
    ...options,
  })
  made.push(one)
  return one
}

function read(name: string): string | undefined {
  const file = path.join(folder, name)
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function eventually(isSo: () => boolean): Promise<void> {
  const deadlineMs = systemClock.elapsedMs() + 20_000
  while (!isSo()) {
    if (systemClock.elapsedMs() > deadlineMs) throw new Error('not within 20 s')
    await systemClock.sleep(20)
  }
}

const NEVER = new AbortController().signal

describe('a child', () => {
  test('ends well when its signal comes', async () => {
    const ends = `process.on('SIGTERM', () => process.exit(0)); ${SERVES}`
    const running = await part(ends).start(NEVER)
    await running.stop()
    expect(await running.ended).toBe('ended with code 0')
  })

  test('that does not end in its time is killed', async () => {
    const stubborn = `process.on('SIGTERM', () => {}); ${SERVES}`
    const running = await part(stubborn, { stopWithinMs: 300 }).start(NEVER)
    await running.stop()
    expect(await running.ended).toBe('was ended by SIGKILL')
  })

  test('that ends before it serves says how', async () => {
    await expect(part('process.exit(3)').start(NEVER)).rejects.toThrow(
      'it ended with code 3 before it served',
    )
  })

  test('that never serves is ended after its time', async () => {
    const never = part('setInterval(() => {}, 1000)', { readyWithinMs: 200 })
    await expect(never.start(NEVER)).rejects.toThrow('it did not serve within 0.2 s')
  })

  test('of a program that is not there is an error with its name', async () => {
    const command = () => ({ file: '/nowhere/nginx', args: [], environment: {} })
    await expect(part('', { command }).start(NEVER)).rejects.toThrow('/nowhere/nginx')
  })

  test('that is told to stop while it comes up does', async () => {
    const stopping = new AbortController()
    const isReady = (): boolean => {
      stopping.abort()
      return false
    }
    await expect(part(SERVES, { isReady }).start(stopping.signal)).rejects.toThrow('told to stop')
  })

  test('says to its parent what it has to say', async () => {
    const heard: unknown[] = []
    const speaks = part(`process.send({ kind: 'configured' }); ${SERVES}`, {
      onMessage: (message) => heard.push(message),
    })
    await speaks.start(NEVER)
    await eventually(() => heard.length > 0)
    expect(heard).toEqual([{ kind: 'configured' }])
  })
})

describe('the workers of a master that was killed', () => {
  const WORKER = `process.on('SIGQUIT', () => require('node:fs').writeFileSync(process.argv[1] + '/told', 'QUIT')); setInterval(() => {}, 1000); require('node:fs').writeFileSync(process.argv[1] + '/worker', String(process.pid));`
  const MASTER = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(WORKER)}, process.argv[1]], { stdio: 'inherit' }); ${SERVES}`

  test('are told to end what they do, and end at once when the box does', async () => {
    const master = part(MASTER, { stopSignal: 'SIGQUIT' })
    const running = await master.start(NEVER)
    await eventually(() => (read('worker') ?? '') !== '')
    const worker = Number(read('worker'))
    process.kill(Number(read('pid')), 'SIGKILL')
    expect(await running.ended).toBe('was ended by SIGKILL')
    await eventually(() => read('told') === 'QUIT')
    expect(isAlive(worker)).toBe(true)
    master.kill()
    await eventually(() => !isAlive(worker))
  })
})

test('what it writes is passed on in whole lines, whatever came at once', async () => {
  const said: string[] = []
  const last = Promise.withResolvers<void>()
  const writes = "process.stdout.write('one\\ntw'); setTimeout(() => process.stdout.write('o\\nthree'), 50);"
  await part(`${writes} ${SERVES} setTimeout(() => process.exit(), 150)`, {
    say(lines) {
      said.push(lines)
      if (lines === 'three') last.resolve()
    },
  }).start(new AbortController().signal)
  await last.promise
  expect(said.join('|')).toBe('one|two|three')
})
