import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { makeFolders, refusalOf } from './prepare-box.js'

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

test('who asks for what is nobody else’s to read, also in a folder of before', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const [store = '', config = '', nginx = ''] = ['store', 'config', 'nginx'].map((name) =>
    path.join(data, name),
  )
  const logs = path.join(nginx, 'logs')
  fs.mkdirSync(logs, { recursive: true })
  fs.chmodSync(logs, 0o755)
  makeFolders({ store, config, nginx })
  expect(fs.statSync(logs).mode & 0o777).toBe(0o700)
  fs.rmSync(data, { recursive: true })
})
