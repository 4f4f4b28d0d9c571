import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { DAEMON_JSON, OPEN, ScriptRoot } from './script-root.js'

const root = ScriptRoot.use()

describe('daemon.json', () => {
  const FILE = 'etc/docker/daemon.json'
  const MERGED = {
    'log-driver': 'local',
    'registry-mirrors': ['https://box.example:5444', 'https://other.example'],
    n: 1.5,
  }

  /** The machine's programs but these. */
  function without(...programs: readonly string[]): NodeJS.ProcessEnv {
    const bin = root.beside('bin')
    mkdirSync(bin)
    for (const each of ['/usr/bin', '/bin'].flatMap((from) => readdirSync(from).map((name) => [from, name])))
      if (
        !programs.some((program) => each[1]?.startsWith(program)) &&
        !existsSync(path.join(bin, each[1] ?? ''))
      )
        symlinkSync(path.join(each[0] ?? '', each[1] ?? ''), path.join(bin, each[1] ?? ''))
    return { PATH: bin }
  }

  test.each([
    ['jq', ['python']],
    ['python3', ['jq']],
  ])('keeps what stands there, merged by %s', (_by, missing) => {
    root.put(FILE, DAEMON_JSON)
    expect(root.install({ env: without(...missing) })).toMatchObject({ code: 0 })
    expect(JSON.parse(root.read(FILE))).toEqual(MERGED)
  })

  test('is left alone, and what it needs is said, where nothing can merge it', () => {
    root.put(FILE, DAEMON_JSON)
    const before = root.everything()
    const { code, output } = root.install({ env: without('jq', 'python') })
    expect([code, output]).toEqual([1, expect.stringContaining('"https://box.example:5444"')])
    expect(root.everything()).toEqual(before)
  })

  test.each(['{ "a": ', '[]', 'nonsense'])('is left alone when it holds %s', (text) => {
    root.put(FILE, text)
    const before = root.everything()
    expect(root.install()).toMatchObject({ code: 1, output: expect.stringContaining('nothing was changed') })
    expect(root.everything()).toEqual(before)
  })

  test('that has our mirror first already is not written again', () => {
    const text = '{"registry-mirrors":  ["https://box.example:5444"]}'
    root.put(FILE, text)
    expect(root.install()).toMatchObject({ code: 0 })
    expect(root.read(FILE)).toBe(text)
    root.undo()
    expect(root.read(FILE)).toBe(text)
  })

  test('changed by somebody since is left to that person, and the rest undone', () => {
    root.install()
    root.put(FILE, '{"registry-mirrors": ["https://box.example:5444"], "debug": true}\n')
    const { code, output } = root.undo()
    expect([code, output]).toEqual([1, expect.stringContaining('was changed since, and stays')])
    expect(root.read(FILE)).toContain('debug')
    expect(existsSync(root.file('etc/docker/certs.d/quay.io'))).toBe(true)
    expect(existsSync(root.file('etc/docker/certs.d/quay.io/hosts.toml'))).toBe(false)
    rmSync(root.file(FILE))
    expect(root.undo()).toMatchObject({ code: 0 })
    expect(root.everything()).toEqual({})
  })

  test('stays a link', () => {
    root.put('etc/real.json', DAEMON_JSON)
    mkdirSync(root.file('etc/docker'))
    symlinkSync('../real.json', root.file(FILE))
    root.install()
    expect(lstatSync(root.file(FILE)).isSymbolicLink()).toBe(true)
    expect(JSON.parse(root.read('etc/real.json'))).toEqual(MERGED)
    root.undo()
    expect(root.read('etc/real.json')).toBe(DAEMON_JSON)
  })

  test('follows the box to another address, and back to what it was', () => {
    root.put(FILE, DAEMON_JSON)
    const before = root.everything()
    root.install()
    const box = { ...OPEN, host: 'new.example', upstreams: OPEN.upstreams.slice(0, 1) }
    expect(root.install({ box })).toMatchObject({ code: 0 })
    expect(JSON.parse(root.read(FILE))).toMatchObject({
      'registry-mirrors': ['https://new.example:5444', 'https://other.example'],
    })
    for (const gone of ['box.example:5444/ca.crt', 'quay.io/hosts.toml'])
      expect(existsSync(root.file(path.join('etc/docker/certs.d', gone)))).toBe(false)
    expect(root.undo({ box })).toMatchObject({ code: 0 })
    expect(root.everything()).toEqual(before)
  })
})
