import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { connectTo } from './processes.js'
import { TcpFaults } from './tcp-faults.js'

describe('a TCP proxy with faults', () => {
  let server: Server
  let faults: TcpFaults
  const received: number[] = []

  beforeEach(async () => {
    received.length = 0
    server = createServer((socket) => {
      const at = received.push(0) - 1
      socket.on('data', (chunk) => {
        received[at] = (received[at] ?? 0) + chunk.length
        socket.write(chunk)
      })
      socket.on('error', () => undefined) // the proxy resets it on purpose
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    faults = await TcpFaults.start()
    const address = server.address()
    if (address !== null && typeof address !== 'string') faults.targetPorts = [address.port]
  })
  afterEach(async () => {
    await faults.close()
    server.close()
  })

  /** What comes back for so many bytes, and how the connection then ends. */
  async function echo(bytes: number): Promise<{ readonly back: number; readonly ended: string }> {
    const socket: Socket = await connectTo({ port: faults.port })
    let back = 0
    let ended = 'closed'
    socket.on('data', (chunk) => {
      back += chunk.length
      if (back === bytes) socket.end()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      ended = String(error.code)
    })
    socket.write(Buffer.alloc(bytes))
    await new Promise((resolve) => socket.once('close', resolve)) // `once` would throw the error
    return { back, ended }
  }

  test('carries bytes both ways as long as no fault is set', async () => {
    expect(await echo(300_000)).toEqual({ back: 300_000, ended: 'closed' })
  })

  test('resets one sender in the middle, once', async () => {
    const cut = faults.cutOnce('up', 100_000)
    const { ended } = await echo(300_000)
    await cut
    expect(['ECONNRESET', 'EPIPE']).toContain(ended)
    expect(received[0]).toBeLessThan(300_000)
    expect(await echo(300_000)).toEqual({ back: 300_000, ended: 'closed' })
  })

  test('ends what one receiver was promised early, once', async () => {
    const cut = faults.cutOnce('down', 100_000)
    const { back } = await echo(300_000)
    await cut
    expect(back).toBeLessThan(300_000)
    expect(await echo(300_000)).toEqual({ back: 300_000, ended: 'closed' })
  })

  test('tells when all connections together carried so many bytes, and cuts none', async () => {
    const passed = faults.passed('up', 150_000)
    await Promise.all([echo(100_000), echo(100_000)])
    await passed
    expect(received).toEqual([100_000, 100_000])
  })

  test('resets who comes while nobody listens behind it', async () => {
    server.close()
    await once(server, 'close')
    const { ended } = await echo(10)
    expect(ended).toBe('ECONNRESET')
  })
})
