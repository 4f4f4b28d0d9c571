import { expect, test } from '@jest/globals'
import { isNearAddress } from '#core/mirror/upstream/address-guard.js'

test.each([
  ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.0.7', '100.64.0.1'],
  ...['::1', 'fd12::1', 'fe80::1', '::ffff:10.0.0.1'],
])('%s is of this machine or of a private network', (address) => {
  expect(isNearAddress(address)).toBe(true)
})

test.each(['8.8.8.8', '172.32.0.1', '169.254.169.254', '2001:db8::1', '::ffff:8.8.8.8'])(
  '%s is neither',
  (address) => {
    expect(isNearAddress(address)).toBe(false)
  },
)
