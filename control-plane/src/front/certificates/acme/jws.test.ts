import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'

import { expect, test } from '@jest/globals'

import { keyAuthorization, signedBody, thumbprint } from './jws.js'

const { privateKey: KEY } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('the thumbprint is of the members that RFC 7638 names, in its order', () => {
  const { x, y } = KEY.export({ format: 'jwk' })
  const expected = createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)
  expect(thumbprint(KEY)).toBe(expected.digest('base64url'))
  expect(keyAuthorization('token', KEY)).toBe(`token.${thumbprint(KEY)}`)
})

test('a body says who sends it where, once, and only its sender can have signed it', () => {
  const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const made = JSON.parse(
    signedBody(KEY, { url: 'https://a.example/o', nonce: 'n', account: 'https://a.example/1' }, { a: 1 }),
  )
  const decode = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString())
  expect(decode(made.protected)).toEqual({
    alg: 'ES256',
    kid: 'https://a.example/1',
    nonce: 'n',
    url: 'https://a.example/o',
  })
  expect(decode(made.payload)).toEqual({ a: 1 })
  const signed = Buffer.from(`${made.protected}.${made.payload}`)
  const isBy = (key: typeof KEY): boolean =>
    verify(
      'sha256',
      signed,
      { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' },
      Buffer.from(made.signature, 'base64url'),
    )
  expect(isBy(KEY)).toBe(true)
  expect(isBy(other)).toBe(false)
})

test('the first request brings the public key and nothing of the private one, and one that reads is empty', () => {
  const made = JSON.parse(signedBody(KEY, { url: 'https://a.example/n', nonce: 'n', account: undefined }, ''))
  const { jwk } = JSON.parse(Buffer.from(made.protected, 'base64url').toString())
  expect(Object.keys(jwk).sort()).toEqual(['crv', 'kty', 'x', 'y'])
  expect(made.payload).toBe('')
})
