import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { PORT_VARIABLES } from '#control/box/box-settings.js'
import { type Ending, freePort, runToEnd } from '../support/processes.js'

const ROOT = path.join(import.meta.dirname, '../../..')
const PROGRAM = path.join(ROOT, 'control-plane/dist/box/main.js')

let folder: string
let data: string
let ports: readonly number[]

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  data = path.join(folder, 'data')
  ports = await Promise.all(Object.keys(PORT_VARIABLES).map(freePort))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What `npm start` runs, up to the sentence with which it ends. */
async function refused(environment: Readonly<Record<string, string>>): Promise<Ending & { said: string }> {
  const own = Object.values(PORT_VARIABLES).map((name, at) => [name, String(ports[at])])
  const { stdout, stderr, ...ending } = await runToEnd(process.execPath, [PROGRAM], {
    environment: { ENTREPOT_DATA: data, ...Object.fromEntries(own), ...environment },
  })
  return { ...ending, said: stdout + stderr }
}

describe('a start that is refused', () => {
  test('names who has each port, and the variable to type', async () => {
    const taken = ports.map((port) => net.createServer().listen(port, '127.0.0.1'))
    await Promise.all(taken.map((server) => once(server, 'listening')))
    const { code, said } = await refused({ ENTREPOT_BIND: '127.0.0.1', ENTREPOT_HTTP_BIND: '127.0.0.1' })
    expect(code).toBe(1)
    const free = Math.max(...ports)
    const sentences = Object.values(PORT_VARIABLES).map(
      (variable, at) =>
        `port ${ports[at]} is taken by process ${process.pid} \\(node .*\\): stop it, or choose another: ${variable}=${free + at + 1} npm start`,
    )
    expect(said).toMatch(new RegExp(`^Entrepot does not start: ${sentences.join('; ')}\\n$`))
    for (const server of taken) server.close()
  })

  test.each([
    ['ENTREPOT_REGISTRY_PORT', '5000x', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_HTTP_BIND', 'localhost', 'it must be an address of this machine'],
    ['ENTREPOT_HTTP_BIND', '192.0.2.1', 'this machine has no such address'],
    ['ENTREPOT_BIND', '192.0.2.1', 'this machine has no such address'],
    ['ENTREPOT_NAMES', 'https://registry.example.com', 'it must be names of hosts or addresses'],
  ])('says what is wrong with %s=%s', async (name, value, allowed) => {
    const { said, ...ending } = await refused({ [name]: value })
    expect(ending).toEqual({ code: 1, signal: null })
    expect(said).toContain(`Entrepot does not start: ${name} is`)
    expect(said).toContain(value)
    expect(said).toContain(allowed)
    expect(said.trim().split('\n')).toHaveLength(1)
  })

  test('leaves no folder behind', async () => {
    await refused({ ENTREPOT_REGISTRY_PORT: '0' })
    expect(existsSync(data)).toBe(false)
  })

  test('says that a variable with a typing error means nothing', async () => {
    const { said } = await refused({ ENTREPOT_REGISTRY_PROT: '5001', ENTREPOT_BIND: '192.0.2.1' })
    expect(said).toContain('ENTREPOT_REGISTRY_PROT means nothing')
  })
})
