import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { hasInstallScript, installScript, SCRIPTED_SYSTEMS } from '#control/clients/install-script.js'
import { renderClient } from '#control/clients/render-client.js'

import { ACCOUNT, DAEMON_JSON, OPEN, ScriptRoot } from './script-root.js'

const SHELLS = ['dash', 'busybox'].filter(
  (shell) => spawnSync('sh', ['-c', `command -v ${shell}`]).status === 0,
)
/** containerd itself reads its own file before the script changes it. */
const WITHOUT_DAEMON = SCRIPTED_SYSTEMS.filter((system) => system !== 'containerd')

const root = ScriptRoot.use()

describe.each(SHELLS)('in %s', (shell) => {
  test.each(WITHOUT_DAEMON)(
    'the script of %s installs the files, says so once, and undoes itself',
    (system) => {
      const before = root.everything()
      expect(root.install({ system, shell })).toMatchObject({ code: 0 })
      for (const { path: file, text, mode } of renderClient(system, OPEN).files) {
        expect([file, root.read(file)]).toEqual([file, text])
        expect(statSync(root.file(file)).mode & 0o777).toBe(mode)
      }
      const after = root.everything()
      expect(root.install({ system, shell })).toMatchObject({
        code: 0,
        output: expect.stringContaining('everything is as it should be'),
      })
      expect(root.everything()).toEqual(after)
      expect(root.undo({ system, shell })).toMatchObject({ code: 0 })
      expect(root.everything()).toEqual(before)
    },
  )

  test('what was there comes back byte by byte, mode and time too', () => {
    root.put('etc/docker/daemon.json', DAEMON_JSON, 0o640)
    root.put('etc/docker/certs.d/docker.io/hosts.toml', 'server = "https://mine.example"\n')
    mkdirSync(root.file('usr/local/share/ca-certificates'), { recursive: true })
    const before = root.everything()
    expect(root.install({ shell }, '--replace')).toMatchObject({ code: 0 })
    expect(statSync(root.file('etc/docker/daemon.json')).mode & 0o777).toBe(0o640)
    expect(root.read('usr/local/share/ca-certificates/entrepot-box.example.crt')).toBe(OPEN.caPem)
    expect(root.undo({ shell })).toMatchObject({ code: 0 })
    expect(root.everything()).toEqual(before)
  })

  test('half a script does nothing', () => {
    const text = installScript('docker', OPEN)
    const cuts = [100, 1500, 4000, 9000, text.lastIndexOf('main "$@"'), text.lastIndexOf('"$@"') - 1]
    for (const cut of cuts) root.run(text.slice(0, cut), ['--fingerprint', OPEN.caFingerprint], { shell })
    expect(root.everything()).toEqual({})
  })
})

test('only an authority with the given fingerprint is trusted', () => {
  const script = installScript('docker', OPEN)
  expect(root.run(script, ['--fingerprint', 'AA:BB'])).toMatchObject({
    code: 1,
    output: expect.stringContaining('not aabb: nothing was changed'),
  })
  expect(root.run(script, [])).toMatchObject({ code: 2 })
  expect(root.everything()).toEqual({})
})

test('a fingerprint counts as openssl prints it, and as plain hex', () => {
  const hex = OPEN.caFingerprint.replaceAll(':', '').toLowerCase()
  for (const given of [`sha256 Fingerprint=${OPEN.caFingerprint}`, hex])
    expect(root.run(installScript('docker', OPEN), ['--fingerprint', given, '--dry-run'])).toMatchObject({
      code: 0,
    })
})

test('--help says what it does, and an unknown option that it is none', () => {
  const help = root.run(installScript('k3s', OPEN), ['--help'])
  expect(help).toMatchObject({ code: 0, output: expect.stringContaining('--undo') })
  expect(root.run(installScript('k3s', OPEN), ['--dance'])).toMatchObject({ code: 2 })
})

test('--dry-run names each file, and changes none', () => {
  root.put('etc/docker/daemon.json', DAEMON_JSON)
  const before = root.everything()
  const { code, output } = root.install({}, '--dry-run')
  expect(code).toBe(0)
  expect(output).toContain('would change: /etc/docker/daemon.json')
  expect(output).toContain('would write: /etc/docker/certs.d/quay.io/hosts.toml')
  expect(root.everything()).toEqual(before)
})

test('a file that somebody else wrote stops it before anything is changed', () => {
  root.put('etc/rancher/k3s/registries.yaml', 'mirrors: {}\n')
  const before = root.everything()
  const { code, output } = root.install({ system: 'k3s' })
  expect([code, output]).toEqual([1, expect.stringContaining('https://box.example:5444')])
  expect(root.everything()).toEqual(before)
})

test('killed at any file, it is undone all the same', () => {
  root.put('etc/docker/daemon.json', DAEMON_JSON)
  const before = root.everything()
  const killing = installScript('docker', OPEN).replace(
    '  mv "$target.entrepot-new" "$target"\n  CHANGED',
    '  [ "$1" != "$KILLED_AT" ] || kill -9 $$\n  mv "$target.entrepot-new" "$target"\n  CHANGED',
  )
  for (const { path: file } of renderClient('docker', OPEN).files) {
    const env = { ...process.env, KILLED_AT: file }
    root.run(killing, ['--fingerprint', OPEN.caFingerprint], { env })
    expect(root.undo()).toMatchObject({ code: 0 })
    for (const name of readdirSync(root.file(''), { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.entrepot-new')) rmSync(root.file(name))
    execFileSync('find', [root.file(''), '-mindepth', '1', '-type', 'd', '-empty', '-delete'])
    expect(root.everything()).toEqual(before)
  }
})

describe('a box that wants an account', () => {
  const secret = 'Sec.ret-_~1'

  function secretFile(): string {
    const file = root.beside('secret')
    writeFileSync(file, `${secret}\n`)
    return file
  }

  test.each(['docker', 'k3s'] as const)('is not set up for %s without one', (system) => {
    expect(root.install({ system, box: ACCOUNT })).toMatchObject({ code: 1 })
    expect(root.everything()).toEqual({})
  })

  test('has name and secret in files that nobody else reads, and nowhere in what is said', () => {
    const words = ['--account', 'ci-web', '--secret-file', secretFile()]
    const { code, output } = root.install({ box: ACCOUNT }, ...words)
    expect(code).toBe(0)
    const login = Buffer.from(`ci-web:${secret}`).toString('base64')
    const file = 'etc/docker/certs.d/docker.io/hosts.toml'
    expect(root.read(file)).toContain(`Authorization = "Basic ${login}"`)
    expect(statSync(root.file(file)).mode & 0o777).toBe(0o600)
    expect(statSync(root.file('var/lib/entrepot/clients/docker')).mode & 0o077).toBe(0)
    expect(output).not.toContain(secret)
    expect(output).not.toContain(login)
  })

  test('has them in registries.yaml of k3s', () => {
    const words = ['--account', 'ci-web', '--secret-file', secretFile()]
    expect(root.install({ system: 'k3s', box: ACCOUNT }, ...words)).toMatchObject({ code: 0 })
    expect(root.read('etc/rancher/k3s/registries.yaml')).toContain(
      `username: "ci-web"\n      password: "${secret}"`,
    )
  })
})

test('a script of another box of the same system leaves no file of the first', () => {
  root.install({ system: 'podman' })
  root.install({ system: 'podman', box: ACCOUNT })
  const folders = readdirSync(root.file('etc/containers/certs.d')).filter((name) =>
    existsSync(root.file(path.join('etc/containers/certs.d', name, 'ca.crt'))),
  )
  expect(folders.sort()).toEqual(['mirror.example', 'registry.example'])
})

test('an image is called the box’s alone only when the box has told its digest', () => {
  const bin = root.beside('bin')
  mkdirSync(bin)
  const program = (name: string, text: string) =>
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  program('docker', 'echo \'["box.example:5443/entrepot/probe@sha256:1"]\'')
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
  const script = installScript('docker', { ...OPEN, probe: 'entrepot/probe:1' })
  const args = ['-s', '--', '--root', root.file(''), '--fingerprint', OPEN.caFingerprint]
  const run = () => spawnSync('sh', args, { input: script, env, encoding: 'utf8' }).stdout
  program('curl', 'case "$*" in *manifests*) exit 22 ;; esac')
  expect(run()).toContain('; whether by box.example its log says')
  program('curl', 'echo "docker-content-digest: sha256:1"')
  expect(run()).toContain('which box.example alone has')
})

test('people set up kind, GitLab and desktops themselves', () => {
  expect((['kind', 'gitlab-dind', 'docker-desktop', 'rke2'] as const).map(hasInstallScript)).toEqual([
    false,
    false,
    false,
    true,
  ])
})
