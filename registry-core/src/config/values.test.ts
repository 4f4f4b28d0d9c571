import { describe, expect, test } from '@jest/globals'
import { findTcpAddress } from './address.js'
import { findDurationMs, findSizeBytes } from './schema/values.js'

describe('a size', () => {
  test.each([
    ['500m', 500 * 1024 ** 2],
    ['1G', 1024 ** 3],
    ['7', 7],
    [12, 12],
    ['0', 0],
  ])('%s has its bytes', (text, bytes) => {
    expect(findSizeBytes(text)).toBe(bytes)
  })
  test.each(['', 'm', '1.5g', '-1', '1 m', '9999999999999t', '1mb'])('%s is none', (text) => {
    expect(findSizeBytes(text)).toBeUndefined()
  })
})

describe('a duration', () => {
  test.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['168h', 604_800_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['10ms', 10],
    ['0s', 0],
    ['0', 0],
    ['2000us', 2],
    ['3000000ns', 3],
  ])('%s has its milliseconds', (text, ms) => {
    expect(findDurationMs(text)).toBe(ms)
  })
  test.each(['', '5', 'm', '5 m', '-5m', '5y', '1..5s'])('%s is none', (text) => {
    expect(findDurationMs(text)).toBeUndefined()
  })
})

describe('an address', () => {
  test.each([
    ['127.0.0.1:5000', { host: '127.0.0.1', port: 5000 }],
    [':5000', { host: undefined, port: 5000 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['registry.local:80', { host: 'registry.local', port: 80 }],
  ])('%s is read', (text, address) => {
    expect(findTcpAddress(text)).toEqual(address)
  })
  test.each(['', '5000', 'a:b', '::1:5000', 'a:65536', 'a/b:1', 'http://a:1'])('%s is none', (text) => {
    expect(findTcpAddress(text)).toBeUndefined()
  })
})
