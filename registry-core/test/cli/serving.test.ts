import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { request } from 'undici'
import { eventually } from '../http/edge.js'
import { BINARY, makeConfig, serve } from './process.js'

const config = makeConfig({
  http: { addr: '127.0.0.1:0', debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
})
afterAll(() => config.remove())

async function metric(log: string, name: string): Promise<number> {
  const port = /health and metrics on 127\.0\.0\.1:(\d+)/.exec(log)?.[1]
  const { body } = await request(`http://127.0.0.1:${port}/metrics`)
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await body.text())?.[1])
}

describe('a registry whose log nobody reads', () => {
  test('goes on serving, counts what it drops, and ends when it is told to', async () => {
    const serving = await serve(config.file)
    serving.stopReading()
    const url = `http://127.0.0.1:${serving.port}/v2/${'a/'.repeat(100)}b/tags/list?last=${'x'.repeat(6000)}`
    await eventually(async () => {
      for (let sent = 0; sent < 100; sent += 1) {
        const { statusCode, body } = await request(url)
        await body.dump()
        expect(statusCode).toBe(404)
      }
      return (await metric(serving.log(), 'registry_log_dropped_lines')) > 0
    })
    const started = performance.now()
    expect(await serving.stop()).toBe(0)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('a registry that writes into a pipe that is full', () => {
  test('serves its whole life and ends when it is told to', async () => {
    const fifo = join(config.folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    const child = spawn(process.execPath, [BINARY, 'serve', config.file], {
      stdio: ['ignore', pipe, 'inherit'],
    })
    const exited = once(child, 'exit')
    let said = ''
    await eventually(() => /listening on 127\.0\.0\.1:\d+/.test((said += readWhatIsThere(pipe))))
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    for (let sent = 0; sent < 300; sent += 1) {
      const { statusCode, body } = await request(`http://127.0.0.1:${port}/v2/?x=${'x'.repeat(6000)}`)
      await body.dump()
      expect(statusCode).toBe(200)
    }
    child.kill('SIGTERM')
    expect((await exited)[0]).toBe(0)
    expect(readWhatIsThere(pipe)).toContain('response completed')
    closeSync(pipe)
  })
})

function readWhatIsThere(pipe: number): string {
  const buffer = Buffer.alloc(65_536)
  try {
    return buffer.toString('latin1', 0, readSync(pipe, buffer))
  } catch {
    return '' // nothing yet
  }
}

describe('a registry without a file descriptor left', () => {
  test('survives it, and takes connections again when there are some', async () => {
    const serving = await serve(config.file, ['prlimit', '--nofile=64'])
    const sockets: Socket[] = []
    for (let at = 0; at < 100; at += 1) {
      const socket = connect(serving.port, '127.0.0.1')
      socket.on('error', () => undefined) // refused or reset: what this is about
      sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    }
    for (const socket of sockets) socket.destroy()
    await eventually(async () => {
      try {
        const { statusCode, body } = await request(`http://127.0.0.1:${serving.port}/v2/`)
        await body.dump()
        return statusCode === 200
      } catch {
        return false // not yet
      }
    })
    expect(await serving.stop()).toBe(0)
  })
})

describe('metrics', () => {
  test('count requests by route, method and class of status, and stand on the debug address alone', async () => {
    const serving = await serve(config.file)
    for (let sent = 0; sent < 3; sent += 1)
      await (await request(`http://127.0.0.1:${serving.port}/v2/`)).body.dump()
    const name = String.raw`registry_http_requests_total\{route="version",method="GET",status="2xx"\}`
    expect(await metric(serving.log(), name)).toBe(3)
    const { statusCode, body } = await request(`http://127.0.0.1:${serving.port}/metrics`)
    await body.dump()
    expect(statusCode).toBe(404)
    await serving.stop()
  })
})
