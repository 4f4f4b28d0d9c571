import { once } from 'node:events'
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { connectTo, freePort, startProcess } from '../support/processes.js'
import { RegistryClient } from '../support/registry-client.js'
import { processesOf } from './box-processes.js'
import { RunningBox } from './running-box.js'

const ROOT = path.join(import.meta.dirname, '../../..')
/** Longer than what `npm start` takes for one Ctrl-C that arrives twice. */
const LATER_MS = 700
/** A first start makes a database. */
const START_MS = 90_000

let folder: string
let data: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  data = path.join(folder, 'data')
})
afterEach(() => {
  for (const { pid } of processesOf(data)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

async function statusOn(port: number): Promise<number> {
  const client = new RegistryClient(`http://127.0.0.1:${port}`)
  try {
    return (await client.get('/v2/')).status
  } finally {
    await client.close()
  }
}

/** An upload of which ten bytes have come: what draining waits for. */
async function beginUpload(port: number, length: number): Promise<Socket> {
  const client = new RegistryClient(`http://127.0.0.1:${port}`)
  const location = (await client.post('/v2/team/app/blobs/uploads/')).header('location') ?? ''
  await client.close()
  const socket = await connectTo({ port })
  socket.on('error', () => undefined)
  socket.write(
    `PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
  )
  await once(socket, 'data')
  socket.write('ten bytes.')
  return socket
}

/** Ctrl-C in a terminal: npm passes on what the terminal has sent to everybody, so it comes twice. */
async function pressCtrlC(box: RunningBox): Promise<void> {
  box.interrupt()
  const pressed = performance.now()
  await eventually('npm is told too', () => performance.now() > pressed + 50)
  box.interrupt()
  await eventually('it drains', () => box.log().includes('Stopping: running transfers may end'))
}

test('npm start says what runs, where, what to push and to pull, and ends well on Ctrl-C', async () => {
  const names = ['REGISTRY', 'MIRROR', 'TLS', 'MIRROR_TLS', 'ADMIN'].map((name) => `ENTREPOT_${name}_PORT`)
  const ports = await Promise.all(names.map(() => freePort()))
  const own = Object.fromEntries(names.map((name, at) => [name, String(ports[at])]))
  const environment = { ENTREPOT_DATA: data, ...own }
  const running = await startProcess('npm', ['start', '--silent'], { cwd: ROOT, environment })
  try {
    const [registry = 0, mirror = 0, ...byTls] = ports
    const isSaid = () => /^ {2}stop {7}/m.test(running.log())
    await eventually('it says that it serves', isSaid, { deadlineMs: START_MS })
    expect(running.log()).toContain(`docker push 127.0.0.1:${registry}/busybox`)
    expect(running.log()).toContain(`docker pull 127.0.0.1:${mirror}/library/busybox`)
    for (const port of byTls) expect(running.log()).toContain(`https://127.0.0.1:${port}`)
    expect([await statusOn(registry), await statusOn(mirror)]).toEqual([200, 200])
    running.signal('SIGINT')
    expect(await running.ended).toEqual({ code: 0, signal: null })
    expect(processesOf(data)).toEqual([])
  } finally {
    await running.stop()
  }
})

/** What lies below a folder that others than its owner may write, with their rights. */
function writableByOthers(): readonly string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, found: lstatSync(path.join(data, name)) }))
    .filter(({ found }) => !found.isSymbolicLink() && (found.mode & 0o022) !== 0)
    .map(({ name, found }) => `${name} ${(found.mode & 0o777).toString(8)}`)
    .toSorted()
}

test('it is not changed by what was set for a registry:2, nor by a umask that gives all to everybody', async () => {
  const theirs = { REGISTRY_STORAGE_DELETE_ENABLED: 'false', REGISTRY_HTTP_ADDR: '127.0.0.1:1' }
  const before = process.umask(0)
  const box = await RunningBox.open(data, theirs).finally(() => process.umask(before))
  // nginx opens its own to everybody: it tells which generation it runs, and nothing else.
  const cores = ['control', 'core-closed', 'core-local', 'core'].map((name) => `run/${name}.sock 660`)
  expect(writableByOthers()).toEqual([...cores, 'run/front.sock 666'].toSorted())
  expect(statSync(data).mode & 0o777).toBe(0o755)
  expect(statSync(path.join(data, 'run/api.sock')).mode & 0o777).toBe(0o600)
  const client = new RegistryClient(`http://127.0.0.1:${box.ports.registry}`)
  expect((await client.delete('/v2/team/app/manifests/none')).status).toBe(404)
  await client.close()
  await box.stop()
})

test('an upload that ends after Ctrl-C is acknowledged', async () => {
  const box = await RunningBox.open(data)
  const upload = await beginUpload(box.ports.registry, 20)
  await pressCtrlC(box)
  upload.write('ten bytes.')
  const [answer] = (await once(upload, 'data')) as [Buffer]
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 202 /)
  upload.destroy()
  expect(await box.ended()).toEqual({ code: 0, signal: null })
  expect(processesOf(data)).toEqual([])
})

test('Ctrl-C counts as one when it arrives twice, and ends at once when it comes again', async () => {
  const box = await RunningBox.open(data)
  const upload = await beginUpload(box.ports.registry, 1000)
  await pressCtrlC(box)
  const first = performance.now()
  await eventually('a person types again', () => performance.now() > first + LATER_MS)
  expect(upload.destroyed).toBe(false)
  box.interrupt()
  expect((await box.ended()).code).toBe(1)
  upload.destroy()
  await eventually('nobody is left', () => processesOf(data).length === 0)
})
