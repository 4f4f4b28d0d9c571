import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, describe, expect, test } from '@jest/globals'

import { runToEnd } from '../support/processes.js'

const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))

describe('settings of an upstream', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  async function check(upstream: object): Promise<{ readonly code: number | null; readonly output: string }> {
    const file = path.join(folder, 'config.yml')
    const storage = { filesystem: { rootdirectory: path.join(folder, 'store') } }
    const mirrors = { upstreams: [{ host: 'quay.io', ...upstream }] }
    writeFileSync(
      file,
      JSON.stringify({ version: '0.1', storage, http: { addr: '127.0.0.1:5000' }, mirrors }),
    )
    const { code, stdout, stderr } = await runToEnd(process.execPath, [CORE, 'check', file])
    return { code, output: stdout + stderr }
  }

  test.each([
    ['file:///etc/passwd'],
    ['unix:///run/docker.sock'],
    ['https://user:word-of-the-canary@quay.io'],
    ['http://quay.io:22'],
    ['http://quay.io:5432'],
    ['https://quay.io/path'],
    ['javascript:alert(1)'],
    ['quay.io'],
  ])('refuse the address %s, naming the key and no password (attack 72)', async (url) => {
    const { code, output } = await check({ urls: [url] })
    expect(code).not.toBe(0)
    expect(output).toContain('mirrors.upstreams[0].urls[0]')
    expect(output).not.toContain('word-of-the-canary')
  })

  test('take an ordinary one', async () => {
    expect(await check({ urls: ['https://quay.io'] })).toMatchObject({ code: 0 })
  })
})
