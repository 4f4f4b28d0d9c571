import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { type Ending, runToEnd } from '../support/processes.js'
import { copyTheRepository, ROOT } from './copy-of-the-repository.js'

/** npm needs the network, or a warm cache of its own. */
const INSTALL_MS = 300_000

/** The environment of a newcomer's shell: nothing of this checkout, nothing of the npm that runs the tests. */
function newcomersEnvironment(): Record<string, string | undefined> {
  const { PATH = '' } = process.env
  const folders = PATH.split(':').filter((folder) => !folder.includes('node_modules'))
  const ours = Object.keys(process.env).filter((name) => /^(npm_|NODE_OPTIONS$|INIT_CWD$)/.test(name))
  return { ...Object.fromEntries(ours.map((name) => [name, undefined])), PATH: folders.join(':') }
}

/** A clone, as far as its files go. */
function copyOfTheRepository(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  copyTheRepository(folder)
  return folder
}

type Run = Ending & { readonly stdout: string; readonly stderr: string }

// npm 10 comes with Node 20, npm 11 with Node 24.
describe.each(['10.8.2', '11.6.2'])('a fresh clone and npm %s', (version) => {
  let clone: string
  let installed: Run

  function run(program: string, ...args: readonly string[]): Promise<Run> {
    return runToEnd(program, args, { cwd: clone, environment: newcomersEnvironment() })
  }

  beforeAll(async () => {
    clone = copyOfTheRepository()
    installed = await run('npx', '--yes', `npm@${version}`, 'ci', '--no-audit', '--no-fund')
  }, INSTALL_MS)

  afterAll(() => rmSync(clone, { recursive: true, force: true }))

  test('install what the lock names, and leave it as it is', () => {
    expect(installed.stderr).not.toContain('npm error')
    expect(installed.code).toBe(0)
    expect(readFileSync(path.join(clone, 'package-lock.json'), 'utf8')).toBe(
      readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'),
    )
  })

  test('bring the Node that runs these tests, and the programs of the workspaces', async () => {
    expect((await run('node_modules/.bin/node', '--version')).stdout.trim()).toBe(process.version)
    expect(existsSync(path.join(clone, 'node_modules/.bin/registry-core'))).toBe(true)
  })

  test('build with the one file that runs before npm start, which then has nothing more to install', async () => {
    const prepared = await run('node', 'scripts/prepare.cjs')
    expect(prepared.stderr).toBe('')
    expect(prepared.code).toBe(0)
    const help = await run('node_modules/.bin/node', 'registry-core/bin/registry-core.js', '--version')
    expect(help.code).toBe(0)
  }, 60_000)

  test('lose what a deleted source left in dist, and nothing else', async () => {
    const stale = path.join(clone, 'registry-core/dist/deleted.test.js')
    const kept = path.join(clone, 'registry-core/dist/main.js')
    writeFileSync(stale, 'throw new Error("ran")')
    expect((await run('node', 'scripts/prepare.cjs')).code).toBe(0)
    expect(existsSync(stale)).toBe(false)
    expect(existsSync(kept)).toBe(true)
  }, 60_000)
})
