import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { Agent } from 'undici'

import { eventually } from '../support/eventually.js'
import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { describeFront, errorOf, readToEnd } from './suite.js'

const MIB = 1024 * 1024

describeFront('a reload', { tls: false, settings: { maxUploadSize: '100m' } }, (front) => {
  test('cuts neither a download from disk, nor one that the core streams, nor an upload', async () => {
    const bytes = randomBytes(64 * MIB)
    const digest = front.core.put(bytes)
    const reloaded = Promise.withResolvers<void>()

    const fromDisk = await connectTo({ port: front.nginx.httpPort })
    fromDisk.write(lines(`GET /v2/a/blobs/${digest} HTTP/1.1`, 'Host: a', 'Connection: close'))
    await once(fromDisk, 'readable') // it has begun, and nobody reads on

    front.core.next(async (_, response) => {
      response.writeHead(200, { 'content-length': 2 })
      response.write('a')
      await reloaded.promise
      response.end('b')
    })
    const streamed = await connectTo({ port: front.nginx.httpPort })
    streamed.write(lines('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close'))
    await once(streamed, 'readable')

    const uploading = Promise.withResolvers<void>()
    front.core.next((request, response) => {
      let sizeBytes = 0
      request.on('data', (piece: Buffer) => {
        sizeBytes += piece.length
        uploading.resolve()
      })
      request.on('end', () => response.end(String(sizeBytes)))
    })
    async function* upload(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(
        lines('PATCH /v2/a/blobs/uploads/1 HTTP/1.1', 'Host: a', `Content-Length: ${2 * MIB}`),
      )
      yield Buffer.alloc(MIB)
      await reloaded.promise
      yield Buffer.alloc(MIB)
    }
    const uploaded = sendRaw(await connectTo({ port: front.nginx.httpPort }), upload(), { answers: 1 })
    await uploading.promise

    await front.nginx.reload({ maxUploadSize: '1m' })
    await front.nginx.reload()
    reloaded.resolve()

    const [disk, core, sent] = await Promise.all([readToEnd(fromDisk), readToEnd(streamed), uploaded])
    expect(disk.body.equals(bytes)).toBe(true)
    expect(core.body.toString()).toBe('ab')
    expect(sent.answers[0]?.body.toString()).toBe(String(2 * MIB))
  })

  test('brings the new settings', async () => {
    await front.nginx.reload({ maxUploadSize: '2m' })
    const head = lines(
      'PUT /v2/a/blobs/uploads/1 HTTP/1.1',
      'Host: a',
      `Content-Length: ${3 * MIB}`,
      'Connection: close',
    )
    // Workers of before may still take a connection until they have heard of it.
    const answer = await eventually('the new limit is told', async () => {
      const found = await front.send(head)
      return found.status === 413 && errorOf(found).message.includes('2m') && found
    })
    expect(answer.status).toBe(413)
  })

  test('loses no request of clients that come meanwhile', async () => {
    let reloading = true
    const statuses: number[] = []
    async function client(): Promise<void> {
      while (reloading) statuses.push((await front.ask('/v2/')).status)
    }
    const clients = [client(), client(), client(), client()]
    for (let times = 0; times < 5; times++) await front.nginx.reload()
    reloading = false
    await Promise.all(clients)
    expect(statuses.length).toBeGreaterThan(20)
    expect(statuses.filter((status) => status !== 200)).toEqual([])
  })

  test('loses no request on kept connections either, where nginx can spare them', async () => {
    const agent = new Agent({ connections: 8, keepAliveTimeout: 60_000 })
    const origin = `http://127.0.0.1:${front.nginx.httpPort}`
    let reloading = true
    let lost = 0
    let answered = 0
    async function client(): Promise<void> {
      while (reloading) {
        try {
          const response = await agent.request({ origin, path: '/v2/', method: 'POST', body: 'x' })
          await response.body.dump()
          answered += 1
        } catch {
          lost += 1
        }
      }
    }
    const clients = [client(), client(), client(), client()]
    for (let times = 0; times < 10; times++) await front.nginx.reload()
    reloading = false
    await Promise.all(clients)
    await agent.destroy()
    expect(answered).toBeGreaterThan(20)
    const conf = readFileSync(path.join(front.nginx.prefix, 'nginx.conf'), 'utf8')
    const canSpare = conf.includes('keepalive_min_timeout')
    expect(canSpare ? lost : 0).toBe(0)
  })
})
