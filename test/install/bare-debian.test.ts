import { copyFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { StateFolder } from '../support/state-folder.js'
import { ADDRESS, BareMachine, type StartedBox } from './bare-machine.js'

/** The folder of Debian is made once a week; packages come by npm and apt. */
const LONG_MS = 300_000
const TO_TYPE = "su -c 'apt-get update && apt-get install -y nginx-light'"

/** Who listens on a port of the machine, as the kernel writes it (proc(5)). */
function listening(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return `cat /proc/net/tcp /proc/net/tcp6 | grep -c ':${hex} [0-9A-F]*:0000 0A' || true`
}

/** What a stranger has, and does, in this order. */
describe('npm start on a bare Debian 12', () => {
  let state: StateFolder
  let machine: BareMachine
  let box: StartedBox

  beforeAll(async () => {
    state = new StateFolder()
    machine = await BareMachine.start(state)
  }, LONG_MS)
  afterAll(async () => {
    await machine.stop()
    await state.destroy()
  }, LONG_MS) // some fifty thousand files

  test(
    'tells a plain user what to type before the packages come, and in the end',
    async () => {
      const { code, output } = await machine.attempt('alice', 'npm start 2>&1')
      expect(code).toBe(1)
      const [before = '', after] = output.split('Installing packages')
      expect(before).toContain(`nginx is missing. Type this in another terminal meanwhile: ${TO_TYPE}\n`)
      expect(after).toContain(
        `Entrepot does not start: nginx is missing. Type this once, then npm start again: ${TO_TYPE}\n`,
      )
    },
    LONG_MS,
  )

  test(
    'gives root nginx by apt, without the service that Debian would start, and serves',
    async () => {
      box = await machine.startBox('root', 'npm start 2>&1')
      expect(box.log()).toContain('its own service stays off')
      expect(await machine.run('root', listening(80))).toBe('0\n')
      expect(await machine.run('root', 'ls /usr/sbin')).not.toContain('policy-rc.d')
      for (const port of [5000, 5001, 5443, 5444, 5445])
        expect(await machine.run('root', listening(port))).not.toBe('0\n')
    },
    LONG_MS,
  )

  test(
    'is the five minutes of the README: an upstream, a push and a pull over TLS',
    async () => {
      const [, token] = /^ {2}token {6}(\S+) /m.exec(box.log()) ?? []
      const [, fingerprint] = /^ {13}([0-9A-F:]{95})$/m.exec(box.log()) ?? []
      const [, password] = /^ {2}account {4}push {2}password (\S+) /m.exec(box.log()) ?? []
      await machine.run('root', `npx entrepot login --token ${token} --fingerprint ${fingerprint}`)
      await machine.run('root', 'npx entrepot upstreams add registry.gitlab.com')
      expect(await machine.run('root', 'npx entrepot upstreams ls')).toContain('registry.gitlab.com')
      expect(await machine.run('root', 'npx entrepot status')).toContain('The box is up.')

      const { docker } = machine
      const ca = state.join('ca.pem')
      await docker.exec('curl', '-fo', ca, 'http://127.0.0.1:5000/ca.pem')
      await docker.exec('install', '-Dm644', ca, '/etc/docker/certs.d/127.0.0.1:5443/ca.crt')
      await importImage('127.0.0.1:5000/busybox')
      await docker.push('127.0.0.1:5000/busybox')
      await docker.docker('login', '-u', 'push', '-p', String(password), '127.0.0.1:5443')
      await docker.docker('tag', '127.0.0.1:5000/busybox', '127.0.0.1:5443/team/busybox')
      await docker.push('127.0.0.1:5443/team/busybox')
      await docker.forget('127.0.0.1:5443/team/busybox')
      await docker.docker('pull', '127.0.0.1:5443/team/busybox')
      expect(await box.stop('INT')).toEqual({ code: 0, signal: null })
    },
    LONG_MS,
  )

  test(
    'is opened to a network by two variables, to who trusts its authority',
    async () => {
      const { docker } = machine
      box = await machine.startBox('root', `ENTREPOT_BIND=0.0.0.0 ENTREPOT_NAMES=${ADDRESS} npm start 2>&1`)
      const image = `${ADDRESS}:5443/team/busybox`
      expect((await docker.attempt('pull', image)).output).toContain('x509')
      await docker.exec(
        'install',
        '-Dm644',
        state.join('ca.pem'),
        `/etc/docker/certs.d/${ADDRESS}:5443/ca.crt`,
      )
      await docker.docker('pull', image)
      expect((await docker.attempt('pull', `${ADDRESS}:5000/busybox`)).code).not.toBe(0)
      expect(await box.stop('TERM')).toEqual({ code: 0, signal: null })
    },
    LONG_MS,
  )

  test(
    'serves a plain user beside the nginx of somebody else, who notices nothing',
    async () => {
      const roots = await machine.attempt('alice', 'npm start 2>&1')
      expect(roots.output).toContain('belongs to root: start it as that user, or take all of it')
      await machine.run('root', 'nginx')
      const theirs = await machine.run('root', 'cat /run/nginx.pid')
      box = await machine.startBox('alice', 'ENTREPOT_DATA=/home/alice/data npm start 2>&1')
      expect(await machine.run('root', listening(80))).not.toBe('0\n')
      const again = await machine.attempt('alice', 'ENTREPOT_DATA=/home/alice/data npm start 2>&1')
      expect(again).toMatchObject({
        code: 1,
        output: expect.stringContaining('is in use by another npm start'),
      })
      expect(await box.stop('INT')).toEqual({ code: 0, signal: null })
      box = await machine.startBox('alice', 'ENTREPOT_DATA=/home/alice/data npm start 2>&1')
      process.stdout.write(`a second start on a bare Debian: ${box.seconds.toFixed(1)} s\n`)
      expect(await box.stop('INT')).toEqual({ code: 0, signal: null })
      expect(await machine.run('root', 'cat /run/nginx.pid; kill -0 $(cat /run/nginx.pid)')).toBe(theirs)
    },
    LONG_MS,
  )

  /** There is no hub here: an image of one file. */
  async function importImage(name: string): Promise<void> {
    const file = state.join('only.tar')
    copyFileSync('/bin/busybox', state.join('busybox'))
    await machine.docker.exec('tar', '-C', state.path, '-cf', file, 'busybox')
    await machine.docker.docker('import', file, name)
  }
})
