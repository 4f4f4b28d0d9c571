import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ensureNginx } from './install-nginx.js'

let folder: string
let said: string[]

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  said = []
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

function program(name: string, script: string): void {
  fs.writeFileSync(path.join(folder, name), `#!/bin/sh\ncd ${folder}\n${script}\n`, { mode: 0o755 })
}
function read(name: string): string {
  return fs.readFileSync(path.join(folder, name), 'utf8')
}
function nginx(version: string): string {
  return `echo "nginx version: nginx/${version}" >&2`
}
/** Shell that makes an nginx of this version. */
function bringsNginx(version: string): string {
  return `printf '#!/bin/sh\\n${nginx(version).replaceAll('"', '\\"')}\\n' > nginx; chmod +x nginx`
}

async function ensure(isRoot = true) {
  const policyFile = path.join(folder, 'policy-rc.d')
  return ensureNginx({ say: (line) => said.push(line), isRoot, searchPath: folder, policyFile })
}

describe('an nginx that is there', () => {
  test('is taken, and nothing is said', async () => {
    program('nginx', nginx('1.30.2'))
    expect(await ensure()).toEqual({ file: path.join(folder, 'nginx'), version: '1.30.2' })
    expect(said).toEqual([])
  })

  test.each([['1.18.0'], ['0.99.1']])('is refused when it is too old: %s', async (version) => {
    program('nginx', nginx(version))
    await expect(ensure()).rejects.toThrow(`nginx is nginx ${version}: Entrepot needs 1.22 or newer`)
  })

  test('is refused when it does not run', async () => {
    program('nginx', 'echo libssl is missing >&2; exit 127')
    await expect(ensure()).rejects.toThrow('nginx does not run here: libssl is missing')
  })
})

describe('a missing nginx', () => {
  test('is a line to type for a plain user', async () => {
    program('apt-get', 'touch called')
    await expect(ensure(false)).rejects.toThrow(
      "npm start again: su -c 'apt-get update && apt-get install -y nginx-light'",
    )
    program('sudo', '')
    await expect(ensure(false)).rejects.toThrow(
      'npm start again: sudo apt-get update && sudo apt-get install -y nginx-light',
    )
    expect(fs.existsSync(path.join(folder, 'called'))).toBe(false)
  })

  test('is said where there is no apt', async () => {
    await expect(ensure()).rejects.toThrow('nginx is missing: install nginx 1.22 or newer')
  })

  test('is installed for root, without its service, now and at the next boot', async () => {
    program(
      'apt-get',
      `echo "$@ $DEBIAN_FRONTEND" >> calls; cat policy-rc.d >> policy; ${bringsNginx('1.22.1')}`,
    )
    program('systemctl', 'echo "$@" >> calls')
    expect((await ensure()).version).toBe('1.22.1')
    expect(read('calls').trim().split('\n')).toEqual([
      'install -y --no-install-recommends -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=180 nginx-light noninteractive',
      'disable --quiet nginx.service',
    ])
    expect(read('policy')).toContain('exit 101')
    expect(fs.existsSync(path.join(folder, 'policy-rc.d'))).toBe(false)
    expect(said[0]).toContain('apt-get install nginx-light')
    expect(said[1]).toContain('nginx 1.22.1 is installed')
  })

  test('is installed after the lists of packages were fetched, where they are missing', async () => {
    const script = `echo "$1" >> calls; [ "$1" = update ] && touch lists; [ -e lists ] || exit 100`
    program('apt-get', `${script}; [ "$1" = update ] || { ${bringsNginx('1.22.1')}; }`)
    expect((await ensure()).version).toBe('1.22.1')
    expect(read('calls').trim().split('\n')).toEqual(['install', 'update', 'install'])
  })

  test('forbids the service of nginx only, by both names that Debian has for it', async () => {
    const asked = ['nginx start', 'nginx.service start', '--quiet nginx start', 'docker start']
    const ask = asked.map((words) => `./policy-rc.d ${words}; echo $? >> answers`).join('; ')
    program('apt-get', `${ask}; ${bringsNginx('1.22.1')}`)
    await ensure()
    expect(read('answers').trim().split('\n')).toEqual(['101', '101', '101', '0'])
  })

  test('is installed to its end when somebody asks to stop meanwhile, and then nothing is started', async () => {
    program('apt-get', `until [ -e go-on ]; do sleep 0.01; done; ${bringsNginx('1.22.1')}`)
    const ensured = ensure()
    process.emit('SIGTERM')
    fs.writeFileSync(path.join(folder, 'go-on'), '')
    await expect(ensured).rejects.toThrow('it was told to stop')
    expect(said[1]).toContain('Stopping as soon as apt has ended')
    expect(fs.existsSync(path.join(folder, 'policy-rc.d'))).toBe(false)
    expect((await ensure()).version).toBe('1.22.1')
  })

  test('is installed anew after a start that was killed, whose policy goes too', async () => {
    program('apt-get', 'cp policy-rc.d kept; exit 100')
    await expect(ensure()).rejects.toThrow('did not bring it')
    fs.renameSync(path.join(folder, 'kept'), path.join(folder, 'policy-rc.d'))
    program('nginx', nginx('1.22.1'))
    await ensure()
    expect(fs.existsSync(path.join(folder, 'policy-rc.d'))).toBe(false)
  })

  test('leaves the policy of a machine that has one', async () => {
    fs.writeFileSync(path.join(folder, 'policy-rc.d'), 'exit 0')
    program('apt-get', bringsNginx('1.22.1'))
    await ensure()
    expect(read('policy-rc.d')).toBe('exit 0')
  })

  test('is refused when apt brings none, and the policy is gone all the same', async () => {
    program('apt-get', 'exit 100')
    await expect(ensure()).rejects.toThrow('"apt-get install nginx-light" did not bring it')
    expect(fs.existsSync(path.join(folder, 'policy-rc.d'))).toBe(false)
  })
})
