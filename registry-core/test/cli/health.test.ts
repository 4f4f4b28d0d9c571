import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { makeConfig, run, serve } from './process.js'

const folder = mkdtempSync(join(tmpdir(), 'e-'))
const socket = join(folder, 'control.sock')
const config = makeConfig({ internal: { socket } })
afterAll(() => {
  config.remove()
  rmSync(folder, { recursive: true })
})

test('a registry that serves is alive, one that was stopped is not', async () => {
  const serving = await serve(config.file)
  expect(await run('health', config.file)).toEqual({ code: 0, stdout: 'alive\n', stderr: '' })
  await serving.stop()
  const { code, stdout } = await run('health', config.file, '--json')
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual({
    file: config.file,
    isAlive: false,
    finding: expect.stringContaining(`unix:${socket}: `),
  })
})

test('a process that takes connections and answers nothing is not alive', async () => {
  const silent = createServer(() => undefined).listen(join(folder, 'silent.sock'))
  await once(silent, 'listening')
  const stuck = makeConfig({ internal: { socket: join(folder, 'silent.sock') } })
  expect(await run('health', stuck.file)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('no answer in 4 s'),
  })
  silent.close()
  stuck.remove()
})
