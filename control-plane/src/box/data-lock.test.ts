import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../system/clock.js'
import { lockDataFolder } from './data-lock.js'

let data: string

beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => fs.rmSync(data, { recursive: true }))

function lock(searchPath?: string): void {
  lockDataFolder({ data, run: path.join(data, 'run') }, systemClock, searchPath)
}

/** Another process that has the folder until it is killed. */
async function holder() {
  const fileUrl = (name: string): string => pathToFileURL(path.join(import.meta.dirname, name)).href
  const script = `
    const { lockDataFolder } = await import('${fileUrl('data-lock.js')}')
    const { systemClock } = await import('${fileUrl('../system/clock.js')}')
    lockDataFolder({ data: '${data}', run: '${data}/run' }, systemClock)
    setInterval(() => {}, 1000)
    process.send('locked')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  return child
}

test('a second start on one folder is refused, naming the process that has it and since when', async () => {
  const first = await holder()
  const minute = new Date().toISOString().slice(0, 'YYYY-MM-DDThh'.length)
  expect(() => lock()).toThrow(
    new RegExp(
      `^${data} is in use by another npm start: process ${first.pid}, since ${minute}[^.]*Z: stop it`,
    ),
  )
  expect(() => lock()).toThrow(`(kill ${first.pid})`)
  first.kill('SIGKILL')
  await once(first, 'exit')
})

test('the folder of a start that was killed is free', async () => {
  const first = await holder()
  first.kill('SIGKILL')
  await once(first, 'exit')
  lock()
  expect(JSON.parse(fs.readFileSync(path.join(data, 'run', 'box.lock'), 'utf8'))).toMatchObject({
    pid: process.pid,
  })
})

test('a child that outlives its start does not keep the folder', async () => {
  const first = await holder()
  first.kill('SIGKILL')
  await once(first, 'exit')
  lock()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const inherited = fs
    .readdirSync(`/proc/${child.pid}/fd`)
    .map((fd) => fs.readlinkSync(`/proc/${child.pid}/fd/${fd}`))
  expect(inherited.filter((file) => file.startsWith(data))).toEqual([])
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('a holder that has not said yet who it is, is waited for in words', async () => {
  const first = await holder()
  fs.writeFileSync(path.join(data, 'run', 'box.lock'), '')
  expect(() => lock()).toThrow('another npm start that is just beginning')
  first.kill('SIGKILL')
  await once(first, 'exit')
})

test('nobody else can take the lock: its file is open to its owner alone, also where it is there already', () => {
  const file = path.join(data, 'run', 'box.lock')
  fs.mkdirSync(path.dirname(file))
  fs.writeFileSync(file, '')
  fs.chmodSync(file, 0o644)
  lock()
  expect(fs.statSync(file).mode & 0o777).toBe(0o600)
})

test('a folder that cannot be made is said with what to move and its variable', () => {
  fs.writeFileSync(path.join(data, 'run'), 'a file where the folder should be')
  expect(() => lock()).toThrow(
    `Entrepot cannot write to ${data} (part of the path is a file): move ${data}/run away, or choose another folder: ENTREPOT_DATA=`,
  )
})

test('a machine without flock is told which package has it', () => {
  expect(() => lock(path.join(data, 'nothing'))).toThrow(
    /^flock is missing, .*apt-get install -y util-linux$/,
  )
})

test('a file system without locks is said, with what to do', () => {
  const programs = path.join(data, 'programs')
  fs.mkdirSync(programs)
  fs.writeFileSync(path.join(programs, 'flock'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect(() => lock(programs)).toThrow(
    `${data}/run/box.lock cannot be locked (flock ended with 1): keep the folder on a file system of this machine, ` +
      'or choose another folder: ENTREPOT_DATA=/another/folder npm start',
  )
})
