import { once } from 'node:events'
import fs from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { askOverSocket } from './ask-over-socket.js'

let folder: string
let socket: string
let server: Server | undefined

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  socket = path.join(folder, 's')
  server = undefined
})
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  fs.rmSync(folder, { recursive: true })
})

async function serve(answer: RequestListener): Promise<void> {
  server = createServer(answer).listen(socket)
  await once(server, 'listening')
}
function soon(): AbortSignal {
  return AbortSignal.timeout(100)
}
function late(): AbortSignal {
  return AbortSignal.timeout(30_000)
}

test('what is answered comes with its status, whole', async () => {
  await serve((request, response) => {
    response.writeHead(409).write(`${request.method} ${request.url} `)
    response.end(`for ${request.headers.host}`)
  })
  expect(await askOverSocket(socket, { path: '/status', signal: late() })).toEqual({
    status: 409,
    text: 'GET /status for localhost',
  })
  expect(await askOverSocket(socket, { method: 'POST', path: '/reload', signal: late() })).toEqual({
    status: 409,
    text: 'POST /reload for localhost',
  })
})

test('a missing socket is nobody', async () => {
  expect(await askOverSocket(socket, { path: '/', signal: late() })).toBeUndefined()
})

test('the file that a killed process left is nobody', async () => {
  await serve((_request, response) => response.end())
  fs.linkSync(socket, `${socket}-left`)
  server?.close()
  expect(await askOverSocket(`${socket}-left`, { path: '/', signal: late() })).toBeUndefined()
})

test('whoever never answers is given up at the deadline, and it is said that it was time', async () => {
  await serve(() => undefined)
  await expect(askOverSocket(socket, { path: '/', signal: soon() })).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})

test('the deadline holds for the body too', async () => {
  await serve((_request, response) => void response.writeHead(200).write('{'))
  await expect(askOverSocket(socket, { path: '/', signal: soon() })).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})

test('an answer that breaks off is none', async () => {
  await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('{"a"', () => response.destroy())
  })
  await expect(askOverSocket(socket, { path: '/', signal: late() })).rejects.toThrow('aborted')
})
