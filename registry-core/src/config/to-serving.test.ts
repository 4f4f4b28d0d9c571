import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from './configuration-error.js'
import { parseSettings } from './read-settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

function refusal(text: string): string {
  try {
    parseSettings('config.yml', text)
    return 'accepted'
  } catch (error) {
    return error instanceof ConfigurationError ? error.message : String(error)
  }
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
    expect(refusal(MINIMAL.replace('":5000"', `":5000", tls: ${tls}`))).toMatch(sentence)
  })

  test('with an empty http.tls means no TLS, as in registry:2', () => {
    expect(
      parseSettings('config.yml', MINIMAL.replace('":5000"', '":5000", tls: {certificate: "", key: ""}')).tls,
    ).toBe(undefined)
  })

  test.each(['hub', '/a//b', '/../a', '/a b', '//'])('with the prefix %j is refused', (prefix) => {
    expect(refusal(MINIMAL.replace('":5000"', `":5000", prefix: "${prefix}"`))).toMatch(/http\.prefix is/)
  })
})
