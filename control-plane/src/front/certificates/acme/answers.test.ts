import { expect, test } from '@jest/globals'

import { authorizationAnswer, cutWords, directoryAnswer, orderAnswer, problemAnswer } from './answers.js'

const SECURE = 'https://acme.example/1'
const PLAIN = 'http://169.254.169.254/latest'

const order = { status: 'valid', authorizations: [SECURE], finalize: SECURE, certificate: SECURE }
const challenge = { type: 'http-01', url: SECURE, token: 'token' }
const authorization = { status: 'pending', identifier: { value: 'box.example' }, challenges: [challenge] }

test('a server sends the box to no place without TLS', () => {
  expect(orderAnswer.safeParse(order).success).toBe(true)
  expect(authorizationAnswer.safeParse(authorization).success).toBe(true)
  for (const changed of [{ authorizations: [PLAIN] }, { finalize: PLAIN }, { certificate: PLAIN }])
    expect(orderAnswer.safeParse({ ...order, ...changed }).success).toBe(false)
  const elsewhere = { ...authorization, challenges: [{ ...challenge, url: PLAIN }] }
  expect(authorizationAnswer.safeParse(elsewhere).success).toBe(false)
})

test('nor to more places than a certificate has names', () => {
  const authorizations = Array.from({ length: 201 }, () => SECURE)
  expect(orderAnswer.safeParse({ ...order, authorizations }).success).toBe(false)
})

test('its words are cut, and hold nothing that Postgres does not take', () => {
  const long = `\u0000\ud800${'😀'.repeat(100_000)}`
  const words = ` \ufffd${'😀'.repeat(249)}`
  expect(problemAnswer.parse({ type: long, detail: long })).toEqual({ type: words, detail: words })
  const [newNonce, newAccount, newOrder] = [SECURE, SECURE, SECURE]
  const directory = { newNonce, newAccount, newOrder, meta: { termsOfService: long } }
  expect(directoryAnswer.parse(directory).meta.termsOfService).toBe(words)
  expect(cutWords('as it was')).toBe('as it was')
})
