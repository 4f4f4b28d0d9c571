import { expect, test } from '@jest/globals'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { refusalOf } from './prepare-box.js'

test.each(['EACCES', 'ENOSPC', 'EROFS', 'ENOTDIR'])('a start that %s stops says what to do', (code) => {
  const refusal = refusalOf(Object.assign(new Error(`${code}: mkdir /x`), { code }))
  expect(refusal).toMatchObject({ name: 'StartRefused', message: expect.stringContaining('ENTREPOT_DATA=') })
})

test('an authority that cannot be used is a sentence, and no stack', () => {
  const refused = new CertificateRefused('own-ca-unreadable', { file: '/x/ca.pem', why: 'it is torn' })
  expect(refusalOf(refused)).toMatchObject({ name: 'StartRefused', message: refused.message })
})

test('a fault of ours stays one', () => {
  expect(refusalOf(new TypeError('undefined is no function'))).toBeUndefined()
})
