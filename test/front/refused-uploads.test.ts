import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { type RunningNginx, startNginx } from '../support/nginx.js'
import { connectTo } from '../support/processes.js'
import { lines, parseAnswers, type RawAnswer, type RawExchange, sendRaw } from '../support/raw-http.js'
import { startCore, type Target } from '../support/targets.js'
import { NEEDS } from './suite.js'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/** What socket buffers of both sides and nginx's own hold, several times. */
const ON_ITS_WAY_BYTES = 64 * MIB

describeNeeding(NEEDS, 'an upload by nobody', () => {
  let folder: string
  let core: Target
  let nginx: RunningNginx

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const coreSocket = path.join(folder, 'core.sock')
    core = await startCore({
      config: { listeners: [{ socket: coreSocket, view: 'header', anonymous: 'pull' }] },
    })
    nginx = await startNginx({ coreSocket, storeRoot: core.root })
  })
  afterAll(async () => {
    await nginx.stop()
    await core.remove()
    rmSync(folder, { recursive: true })
  })

  /** Sends a body of 1 GiB until there is an answer; answers it, and how much was taken till then. */
  async function refused(...head: readonly string[]): Promise<{ answer: RawAnswer; takenBytes: number }> {
    const socket = await connectTo({ port: nginx.httpPort })
    const received: Buffer[] = []
    const answered = Promise.withResolvers<RawAnswer>()
    socket.on('data', (piece: Buffer) => {
      received.push(piece)
      const [first] = parseAnswers(Buffer.concat(received), ['GET'])
      if (first !== undefined) answered.resolve(first)
    })
    socket.on('error', () => undefined) // nginx may have closed it under what is still sent
    let isAnswered = false
    void answered.promise.then(() => {
      isAnswered = true
    })
    socket.write(lines(...head, 'Host: a', `Content-Length: ${GIB}`))
    const block = Buffer.alloc(MIB)
    let sentBytes = 0
    while (!isAnswered && sentBytes < GIB && !socket.destroyed) {
      sentBytes += MIB
      if (!socket.write(block)) await Promise.race([once(socket, 'drain'), answered.promise])
    }
    const answer = await answered.promise
    socket.destroy()
    return { answer, takenBytes: sentBytes - socket.writableLength }
  }

  test.each([
    'POST /v2/team/app/blobs/uploads/ HTTP/1.1',
    `POST /v2/team/app/blobs/uploads/?digest=sha256:${'0'.repeat(64)} HTTP/1.1`,
    'PATCH /v2/team/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301 HTTP/1.1',
    `PUT /v2/team/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301?digest=sha256:${'0'.repeat(64)} HTTP/1.1`,
    'PUT /v2/team/app/manifests/latest HTTP/1.1',
  ])('of 1 GiB is refused before its body is taken: %s', async (line) => {
    const { answer, takenBytes } = await refused(line)
    expect([401, 403]).toContain(answer.status)
    expect(takenBytes).toBeLessThan(ON_ITS_WAY_BYTES)
    expect(filesBelow(path.join(nginx.prefix, 'temp/body'))).toEqual([])
    expect(filesBelow(path.join(core.root, 'entrepot/uploads'))).toEqual([])
  })

  /** Over TLS, by a client that sends no byte of its body before it is asked to. */
  async function awaiting(line: string, length: number): Promise<RawExchange> {
    const { tlsPort = 0, caFile = '' } = nginx
    const socket = tls.connect({ host: '127.0.0.1', port: tlsPort, ca: readFileSync(caFile) })
    await once(socket, 'secureConnect')
    const head = lines(line, 'Host: a', `Content-Length: ${length}`, 'Expect: 100-continue')
    return sendRaw(socket, head, { answers: 1, methods: [line.split(' ', 1).join()] })
  }

  test('that is too large is refused at once when it waits for 100 Continue, which it does not get', async () => {
    const line = 'PATCH /v2/team/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301 HTTP/1.1'
    const { answers, received } = await awaiting(line, 20 * GIB)
    expect(answers[0]?.status).toBe(413)
    expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /)
  })

  test.each(['POST /v2/team/app/blobs/uploads/ HTTP/1.1', 'PUT /v2/team/app/manifests/latest HTTP/1.1'])(
    'is refused though it waits for 100 Continue and sends nothing, whatever nginx says before: %s',
    async (line) => {
      const { answers, received } = await awaiting(line, MIB)
      expect(answers[0]?.status).toBe(403)
      expect(received.toString('latin1')).toMatch(/^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 403 /)
    },
  )
})

function filesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
  } catch {
    return [] // never made
  }
}
