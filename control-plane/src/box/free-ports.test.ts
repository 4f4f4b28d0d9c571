import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { BoxPorts, BoxSettings } from './box-settings.js'
import { readBoxSettings } from './box-settings.js'
import { requireFreePorts } from './free-ports.js'

let listening: net.Server[] = []
let settings: BoxSettings

async function listen(port = 0, host = '127.0.0.1'): Promise<number> {
  const server = net.createServer().listen({ port, host })
  await once(server, 'listening')
  listening.push(server)
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function close(): Promise<void> {
  for (const server of listening.splice(0)) {
    server.close()
    await once(server, 'close')
  }
}

beforeEach(async () => {
  const [registry = 0, mirror = 0, tls = 0, mirrorTls = 0, admin = 0] = await Promise.all(
    Array.from({ length: 5 }, () => listen()),
  )
  await close()
  const ports: BoxPorts = { registry, mirror, tls, mirrorTls, admin }
  settings = { ...readBoxSettings({}, { root: '/', hasIPv6: false }), ports }
})
afterEach(close)

test('five free ports are fine, and are free afterwards', async () => {
  await requireFreePorts(settings)
  for (const port of Object.values(settings.ports)) await listen(port)
  expect(listening).toHaveLength(5)
})

test('a taken port that virtual hosts have is said too, with who has it', async () => {
  const port = await listen()
  const further = [{ host: '127.0.0.1', port }]
  await expect(requireFreePorts(settings, { further })).rejects.toThrow(
    new RegExp(
      `^port ${port}, which the virtual hosts have, is taken by process ${process.pid} \\(.*stop it`,
    ),
  )
})

test('every taken port is said at once: who has it, and what to type', async () => {
  const { registry, admin } = settings.ports
  await listen(registry)
  await listen(admin)
  const sentence = (port: number, variable: string): string =>
    `port ${port} is taken by process ${process.pid} \\(.*\\): stop it, or choose another: ${variable}=(\\d+) npm start`
  const said = new RegExp(
    `^${sentence(registry, 'ENTREPOT_REGISTRY_PORT')}; ${sentence(admin, 'ENTREPOT_ADMIN_PORT')}$`,
  )
  const refused = await requireFreePorts(settings).catch(String)
  const [, first, second] = said.exec(String(refused).replace('StartRefused: ', '')) ?? []
  expect(first).not.toBe(second)
  for (const free of [first, second]) await listen(Number(free))
})

test('what is offered for a taken port is free, also above the highest one', async () => {
  const { registry } = settings.ports
  await listen(registry)
  const highest = { ...settings, ports: { ...settings.ports, admin: 65_535 } }
  const [, free] = /REGISTRY_PORT=(\d+) /.exec(String(await requireFreePorts(highest).catch(String))) ?? []
  expect(Number(free)).toBeGreaterThanOrEqual(1024)
  await listen(Number(free))
})

test('a port that is taken on any address of several is said once', async () => {
  await listen(settings.ports.tls, '127.0.0.2')
  await listen(settings.ports.tls, '127.0.0.3')
  const wide = { ...settings, bind: ['127.0.0.1', '127.0.0.2', '127.0.0.3'] }
  await expect(requireFreePorts(wide)).rejects.toThrow(/^port \d+ is taken by [^;]*$/)
})

test.each([
  ['ENTREPOT_BIND', { bind: ['192.0.2.1'] }],
  ['ENTREPOT_HTTP_BIND', { httpBind: ['192.0.2.1'] }],
])('an address that this machine does not have is said with its variable: %s', async (variable, changed) => {
  await expect(requireFreePorts({ ...settings, ...changed })).rejects.toThrow(
    `${variable} is 192.0.2.1: this machine has no such address`,
  )
})

test('the port of an ACME server is asked for only where one is answered', async () => {
  const acmePort = await listen()
  await requireFreePorts({ ...settings, acmePort })
  await expect(requireFreePorts({ ...settings, acmePort }, { servesChallenges: true })).rejects.toThrow(
    /^port \d+ is taken by .*: ENTREPOT_ACME_PORT=\d+ npm start$/,
  )
})
