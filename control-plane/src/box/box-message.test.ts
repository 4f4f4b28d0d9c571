import { expect, test } from '@jest/globals'

import { messagesOf } from './box-message.js'

const ACCOUNT = { name: 'push', password: 'p' }

test.each([
  { first: { adminToken: 't', account: ACCOUNT } },
  { first: { adminToken: 't' } },
  { first: { account: ACCOUNT } },
])('whatever a start has made is told: $first', ({ first }) => {
  const messages = messagesOf({ adminToken: undefined, account: undefined, ...first }, { outcome: 'applied' })
  expect(messages).toEqual([{ kind: 'first-start', ...first }, { kind: 'configured' }])
})

test('a start that has made nothing says why its configuration is refused, and no secrets', () => {
  const applied = { outcome: 'refused', stage: 'nginx -t', reason: 'no' } as const
  expect(messagesOf({ adminToken: undefined, account: undefined }, applied)).toEqual([
    { kind: 'configured', refusal: 'nginx -t: no' },
  ])
})
