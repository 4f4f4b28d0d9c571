import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { listensBesides, makeFolders, refusalOf } from './prepare-box.js'

const SETTINGS = { data: '/srv/there/is/none' }

test.each(['EACCES', 'ENOSPC', 'EROFS', 'ENOTDIR'])('a start that %s stops says what to do', (code) => {
  const refusal = refusalOf(Object.assign(new Error(`${code}: mkdir /x`), { code }), SETTINGS)
  expect(refusal).toMatchObject({ name: 'StartRefused', message: expect.stringContaining('ENTREPOT_DATA=') })
})

test('an authority that cannot be used is a sentence, and no stack', () => {
  const refused = new CertificateRefused('own-ca-unreadable', { file: '/x/ca.pem', why: 'it is torn' })
  expect(refusalOf(refused, SETTINGS)).toMatchObject({ name: 'StartRefused', message: refused.message })
})

test('a fault of ours stays one', () => {
  expect(refusalOf(new TypeError('undefined is no function'), SETTINGS)).toBeUndefined()
})

const PORTS = { registry: 5000, mirror: 5001, tls: 5443, mirrorTls: 5444, admin: 5445 }

function confOf(...places: readonly string[]): string {
  return places.map((place) => `server {\n    listen ${place} ssl default_server backlog=4096;\n}\n`).join('')
}

test('where nginx listens for virtual hosts is known from what it will start with', () => {
  const own = Object.values(PORTS).map((port) => `127.0.0.1:${port}`)
  const conf = `${confOf(...own, '0.0.0.0:443', '[::]:443', '0.0.0.0:80')}location /.well-known/acme-challenge/ {}`
  expect(listensBesides(conf, { ports: PORTS, acmePort: 80 })).toEqual([
    { host: '0.0.0.0', port: 443 },
    { host: '::', port: 443 },
  ])
  expect(listensBesides(conf, { ports: { ...PORTS, tls: 6443 }, acmePort: 80 })).toEqual([])
  expect(listensBesides('', { ports: PORTS, acmePort: 80 })).toEqual([])
})

test('who asks for what is nobody else’s to read, and nothing is theirs to write, also in a folder of before', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const names = ['store', 'config', 'nginx', 'run']
  const [store = '', config = '', nginx = '', run = ''] = names.map((name) => path.join(data, name))
  const made = ['nginx/logs', 'nginx/temp', 'nginx', 'config/generations', 'config', 'run']
  for (const name of made) fs.mkdirSync(path.join(data, name), { recursive: true })
  for (const name of made) fs.chmodSync(path.join(data, name), 0o777)
  makeFolders({ store, config, nginx, run })
  const modes = made.map((name) => (fs.statSync(path.join(data, name)).mode & 0o777).toString(8))
  expect(modes).toEqual(['700', '755', '755', '755', '755', '755'])
  fs.rmSync(data, { recursive: true })
})
