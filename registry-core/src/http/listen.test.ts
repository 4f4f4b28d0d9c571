import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { listen } from './listen.js'

const folder = mkdtempSync(join(tmpdir(), 'e-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function closed(server: ReturnType<typeof createServer>): Promise<void> {
  server.close()
  await once(server, 'close')
}

test('a listener takes the place of a socket that a killed process has left', async () => {
  const [made, left] = [join(folder, 'made'), join(folder, 'left')]
  const killed = createServer()
  await listen(killed, { kind: 'unix', path: made })
  renameSync(made, left) // so that closing it leaves the file behind
  await closed(killed)
  const server = createServer()
  expect((await listen(server, { kind: 'unix', path: left })).name).toBe(`unix:${left}`)
  await closed(server)
})

test('a listener leaves a living socket, and a file that is no socket, alone', async () => {
  const path = join(folder, 'living')
  const living = createServer()
  await listen(living, { kind: 'unix', path })
  await expect(listen(createServer(), { kind: 'unix', path })).rejects.toThrow(
    `cannot listen on unix:${path}: another process listens there already`,
  )
  await closed(living)
  const file = join(folder, 'file')
  writeFileSync(file, 'mine')
  await expect(listen(createServer(), { kind: 'unix', path: file })).rejects.toThrow(/another process/)
})

test('a taken port is named', async () => {
  const first = createServer()
  const { port = 0, name } = await listen(first, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  expect(name).toBe(`127.0.0.1:${port}`)
  await expect(listen(createServer(), { kind: 'tcp', host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: `cannot listen on 127.0.0.1:${port}: another process listens there already`,
  })
  await closed(first)
})

test('a thousand connections that come at once to a unix socket are not refused', async () => {
  const path = join(folder, 'crowded')
  const server = createServer((_, response) => response.end())
  await listen(server, { kind: 'unix', path })
  const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  // None is taken before this turn ends.
  const clients = Array.from({ length: Math.min(1000, most) }, () => connect(path))
  await Promise.all(clients.map((client) => once(client, 'connect')))
  for (const client of clients) client.destroy()
  await closed(server)
})
