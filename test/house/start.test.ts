import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { connectTo, freePort, type RunningProcess, startProcess } from '../support/processes.js'
import { RegistryClient } from '../support/registry-client.js'

const ROOT = path.join(import.meta.dirname, '../../..')
/** Longer than what `npm start` takes for one Ctrl-C that arrives twice. */
const LATER_MS = 700

let folder: string
let data: string
let port: number
let mirrorPort: number
let started: RunningProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  data = path.join(folder, 'data')
  ;[port, mirrorPort] = [await freePort(), await freePort()]
})

afterEach(async () => {
  await Promise.all(started.map((running) => running.stop()))
  started = []
  rmSync(folder, { recursive: true, force: true })
})

function ours(): Readonly<Record<string, string>> {
  return {
    ENTREPOT_DATA: data,
    ENTREPOT_REGISTRY_PORT: String(port),
    ENTREPOT_MIRROR_PORT: String(mirrorPort),
  }
}

async function start(environment: Readonly<Record<string, string>> = {}): Promise<RunningProcess> {
  const running = await startProcess(process.execPath, [path.join(ROOT, 'scripts', 'start.ts')], {
    environment: { ...ours(), ...environment },
  })
  started.push(running)
  return running
}

/** The eight lines are written once all listen; answers the pid of the core, which they name. */
async function untilAnnounced(running: RunningProcess): Promise<number> {
  return eventually('npm start says what runs', () => {
    const pid = /^Entrepot \S+, process (\d+): .*\n(?: {2}.*\n){7}/m.exec(running.log())?.[1]
    return pid === undefined ? undefined : Number(pid)
  })
}

async function untilPortIsFree(): Promise<void> {
  await eventually(`port ${port} is free`, async () => {
    try {
      const socket = await connectTo({ port })
      socket.destroy()
      return false
    } catch {
      return true
    }
  })
}

/** Begins an upload and never ends it: what draining waits for. */
async function beginEndlessUpload(): Promise<net.Socket> {
  const client = new RegistryClient(`http://127.0.0.1:${port}`)
  const location = (await client.post('/v2/team/app/blobs/uploads/')).header('location') ?? ''
  await client.close()
  const socket = await connectTo({ port })
  socket.on('error', () => undefined)
  socket.write(
    `PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n`,
  )
  // Before that it is a connection on which nothing runs, and a registry that stops closes those.
  await once(socket, 'data')
  socket.write('ten bytes.')
  return socket
}

describe('a start that is refused', () => {
  test('names who has each port, and the variable to type', async () => {
    const taken = [port, mirrorPort].map((one) => net.createServer().listen(one, '127.0.0.1'))
    await Promise.all(taken.map((server) => once(server, 'listening')))
    const refused = await start()
    expect(await refused.ended).toEqual({ code: 1, signal: null })
    const free = Math.max(port, mirrorPort) + 1
    const sentence = (one: number, variable: string, other: number): string =>
      `port ${one} is taken by process ${process.pid} \\(node .*\\): stop it, or choose another: ${variable}=${other} npm start`
    expect(refused.log()).toMatch(
      new RegExp(
        `^Entrepot does not start: ${sentence(port, 'ENTREPOT_REGISTRY_PORT', free)}; ` +
          `${sentence(mirrorPort, 'ENTREPOT_MIRROR_PORT', free + 1)}\\n$`,
      ),
    )
    for (const server of taken) server.close()
  })

  test.each([
    ['ENTREPOT_REGISTRY_PORT', '5000x', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_REGISTRY_PORT', '65536', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_MIRROR_PORT', 'on', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_HTTP_BIND', 'localhost', 'it must be an address of this machine'],
    ['ENTREPOT_HTTP_BIND', '192.0.2.1', 'this machine has no such address'],
  ])('says what is wrong with %s=%s', async (name, value, allowed) => {
    const refused = await start({ [name]: value })
    expect(await refused.ended).toEqual({ code: 1, signal: null })
    expect(refused.log()).toContain(`Entrepot does not start: ${name} is`)
    expect(refused.log()).toContain(value)
    expect(refused.log()).toContain(allowed)
    expect(refused.log().trim().split('\n')).toHaveLength(1)
  })

  test('wants two ports for two things', async () => {
    const refused = await start({ ENTREPOT_MIRROR_PORT: String(port) })
    expect((await refused.ended).code).toBe(1)
    expect(refused.log()).toContain(`are both ${port}: each needs its own`)
  })

  test('leaves no folder behind', async () => {
    await (await start({ ENTREPOT_REGISTRY_PORT: '0' })).ended
    expect(existsSync(data)).toBe(false)
  })
})

describe('npm start', () => {
  test('says in eight lines what runs, where, what to push and to pull, and ends well on Ctrl-C', async () => {
    const running = await startProcess('npm', ['start', '--silent'], {
      cwd: ROOT,
      environment: ours(),
    })
    started.push(running)
    await untilAnnounced(running)
    expect(running.log()).toContain(`a registry on http://127.0.0.1:${port}; everybody on this machine may`)
    expect(running.log()).toContain(`  content   ${data}\n`)
    expect(running.log()).toContain(`docker push 127.0.0.1:${port}/busybox`)
    expect(running.log()).toContain(`docker pull 127.0.0.1:${mirrorPort}/library/busybox`)
    expect(running.log()).toContain(`"registry-mirrors": ["http://127.0.0.1:${mirrorPort}"]`)
    for (const one of [port, mirrorPort]) {
      const client = new RegistryClient(`http://127.0.0.1:${one}`)
      expect((await client.get('/v2/')).status).toBe(200)
      await client.close()
    }
    running.signal('SIGINT')
    expect(await running.ended).toEqual({ code: 0, signal: null })
    await untilPortIsFree()
  })

  test('writes the configuration that it serves, with deletes on and six upstreams, and says where', async () => {
    const running = await start()
    await untilAnnounced(running)
    const file = path.join(data, `registry-${port}.yml`)
    expect(running.log()).toContain(`  settings  ${file} `)
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^ {2}delete:\n {4}enabled: true$/m)
    expect(text.match(/^ {4}- host: .*$/gm)).toHaveLength(6)
  })

  test('says that a variable with a typing error means nothing', async () => {
    const running = await start({ ENTREPOT_REGISTRY_PROT: '5001' })
    await untilAnnounced(running)
    expect(running.log()).toContain('ENTREPOT_REGISTRY_PROT means nothing')
  })

  test('is not changed by what was set for a registry:2', async () => {
    const running = await start({
      REGISTRY_STORAGE_DELETE_ENABLED: 'false',
      REGISTRY_HTTP_ADDR: '127.0.0.1:1',
    })
    await untilAnnounced(running)
    const client = new RegistryClient(`http://127.0.0.1:${port}`)
    expect((await client.delete('/v2/team/app/manifests/none')).status).toBe(404)
    await client.close()
  })

  test('serves after a kill -9 what it had acknowledged', async () => {
    const layer = randomLayer(100_000)
    const first = await start()
    const core = await untilAnnounced(first)
    const client = new RegistryClient(`http://127.0.0.1:${port}`)
    const pushed = await client.pushBlob('team/app', layer)
    await client.close()
    process.kill(core, 'SIGKILL')
    expect((await first.ended).code).toBe(1)
    expect(first.log()).toContain('registry-core was ended by SIGKILL')

    await untilAnnounced(await start())
    const again = new RegistryClient(`http://127.0.0.1:${port}`)
    expect((await again.pullBlob('team/app', pushed.digest)).equals(layer.bytes)).toBe(true)
    await again.close()
  })

  test('leaves no registry behind that keeps the port when it is killed itself', async () => {
    const running = await start()
    await untilAnnounced(running)
    running.signal('SIGKILL')
    await untilPortIsFree()
  })
})

describe('Ctrl-C during an upload', () => {
  test('lets it end, counts as one when it arrives twice, and ends at once when it comes again', async () => {
    const running = await start()
    await untilAnnounced(running)
    const upload = await beginEndlessUpload()
    running.signal('SIGINT')
    const pressed = performance.now()
    await eventually('npm is told too', () => performance.now() > pressed + 50)
    running.signal('SIGINT') // npm passes on what the terminal has sent to everybody, at once: not after what is logged
    await eventually('it drains', () => running.log().includes('Stopping: running transfers may end'))
    const first = performance.now()
    await eventually('a person types again', () => performance.now() > first + LATER_MS)
    expect(upload.destroyed).toBe(false)
    running.signal('SIGINT')
    expect((await running.ended).code).toBe(1)
    upload.destroy()
    await untilPortIsFree()
  })
})
