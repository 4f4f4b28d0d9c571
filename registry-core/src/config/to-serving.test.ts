import { describe, expect, test } from '@jest/globals'
import { parseSettings } from './read-settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

/** The same with more keys beside the address. */
function withHttp(keys: string): string {
  return MINIMAL.replace('":5000"', `":5000", ${keys}`)
}

function refusal(sentence: RegExp): object {
  return expect.objectContaining({ name: 'ConfigurationError', message: expect.stringMatching(sentence) })
}

describe('a file', () => {
  test.each([
    ['{certificate: a}', /http\.tls is .*; allowed is certificate and key together/],
    ['{clientcas: [a]}', /http\.tls is .*; allowed is clientcas together with certificate and key/],
    [
      '{certificate: a, key: b, minimumtls: ssl3}',
      /http\.tls\.minimumtls is "ssl3"; allowed is one of tls1\.0/,
    ],
    [
      '{certificate: a, key: b, ciphersuites: [RC4]}',
      /http\.tls\.ciphersuites\[0\] is "RC4"; allowed is a list of names out of TLS_RSA_WITH_3DES/,
    ],
  ])('with http.tls %s is refused by name', (tls, sentence) => {
    expect(() => parseSettings('config.yml', withHttp(`tls: ${tls}`))).toThrow(refusal(sentence))
  })

  test('with an empty http.tls means no TLS, as in registry:2', () => {
    expect(parseSettings('config.yml', withHttp('tls: {certificate: "", key: ""}')).tls).toBe(undefined)
  })

  test.each(['hub', '/a//b', '/../a', '/a b', '//'])('with the prefix %j is refused', (prefix) => {
    expect(() => parseSettings('config.yml', withHttp(`prefix: "${prefix}"`))).toThrow(
      refusal(/http\.prefix is/),
    )
  })
})
