import { expect, test } from '@jest/globals'
import { findProxy } from './proxies.js'

const PROXY = new URL('http://proxy:3128')

function isDirect(target: string, ...noProxy: readonly string[]): boolean {
  return findProxy(new URL(target), { url: PROXY, noProxy }, {}) === undefined
}

test.each([
  ['https://a.corp.io/', ['*.corp.io'], true],
  ['https://corp.io/', ['*.corp.io'], false],
  ['https://a.corp.io/', ['.corp.io'], true],
  ['https://corp.io/', ['.corp.io'], false],
  ['https://corp.io/', ['corp.io'], true],
  ['https://a.corp.io/', ['corp.io'], true],
  ['https://acorp.io/', ['corp.io', '.corp.io', '*.corp.io'], false],
  ['https://A.Corp.io/', ['CORP.IO'], true],
  ['https://corp.io/', ['corp.io:443'], true],
  ['https://corp.io:5000/', ['corp.io:443'], false],
  ['https://corp.io:5000/', [' corp.io:5000 '], true],
  ['http://10.1.2.3/', ['10.0.0.0/8'], true],
  ['http://11.1.2.3/', ['10.0.0.0/8', '10.0.0.0/99', 'x/8'], false],
  ['http://ten.corp.io/', ['10.0.0.0/8'], false],
  ['http://10.1.2.3:5000/', ['10.1.2.3'], true],
  ['http://10.1.2.3:5000/', ['10.1.2.3:5001', '2.3'], false],
  ['http://[fd00::1]:5000/', ['fd00::/8'], true],
  ['http://[fd00::1]:5000/', ['fd00::1'], true],
  ['http://[fd00::1]:5000/', ['[fd00::1]:5000'], true],
  ['http://[fd00::1]:5000/', ['[fd00::1]:1'], false],
  ['https://corp.io/', ['*'], true],
  ['https://corp.io/', ['', ' '], false],
] as const)('%s with the exceptions %j goes directly: %s', (target, noProxy, expected) => {
  expect(isDirect(target, ...noProxy)).toBe(expected)
})

test.each([
  [{ HTTPS_PROXY: 'http://big:1' }, 'http://big:1/'],
  [{ https_proxy: 'http://small:1', HTTPS_PROXY: 'http://big:1' }, 'http://small:1/'],
  [{ HTTP_PROXY: 'http://plain:1' }, undefined],
  [{ https_proxy: 'bare:3128' }, 'http://bare:3128/'],
  [{ https_proxy: '' }, undefined],
  [{ https_proxy: 'http://p:1', NO_PROXY: 'other.io, .io' }, undefined],
  [{ https_proxy: 'http://p:1', no_proxy: 'other.io' }, 'http://p:1/'],
] as const)('with the environment %j the proxy of https://quay.io is %s', (environment, expected) => {
  expect(findProxy(new URL('https://quay.io/'), undefined, environment)?.href).toBe(expected)
})

test("the environment's proxy is never asked for this machine, the upstream's own is", () => {
  const target = new URL('http://127.0.0.1:5000/')
  expect(findProxy(target, undefined, { http_proxy: 'http://p:1' })).toBeUndefined()
  expect(findProxy(target, { url: PROXY, noProxy: [] }, {})).toBe(PROXY)
})

test('a proxy that is no URL is named without what it holds', () => {
  expect(() => findProxy(new URL('http://x/'), undefined, { http_proxy: 'http://u:secret@:x' })).toThrow(
    "the environment's HTTP_PROXY is not the URL of a proxy",
  )
})
