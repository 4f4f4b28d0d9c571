import { expect, test } from '@jest/globals'
import type { AccessSettings } from './access-settings.js'
import { challengeText } from './challenge.js'

const NOBODY: AccessSettings = {
  ...{ anonymous: [], accounts: [], htpasswd: undefined, token: undefined, immutable: [] },
  externalUrl: undefined,
}
const htpasswd = { realm: 'Registry "Realm"', path: '/x' }
const accounts = [{ name: 'a', secretHash: '', rights: [], until: undefined, countsAsPull: true }]
const token = {
  ...{ realm: 'https://auth.example.com/token', service: 'registry', issuer: 'me' },
  ...{ rootCertBundle: undefined, jwks: '/x', algorithms: undefined, redirectPath: undefined },
}
const scopes = ['repository:team/app:pull,push']

test.each([
  ['htpasswd alone', { htpasswd }, 'Basic realm="Registry \\"Realm\\""'],
  [
    'accounts',
    { accounts },
    'Bearer realm="http://box:5000/token",service="entrepot",scope="repository:team/app:pull,push"',
  ],
  [
    'accounts beside htpasswd',
    { accounts, htpasswd },
    'Bearer realm="http://box:5000/token",service="entrepot",scope="repository:team/app:pull,push"',
  ],
  [
    'http.host',
    { accounts, externalUrl: 'https://registry.example.com' },
    'Bearer realm="https://registry.example.com/token",service="entrepot",scope="repository:team/app:pull,push"',
  ],
  [
    'http.prefix',
    { accounts, tokenPath: '/hub/token' },
    'Bearer realm="http://box:5000/hub/token",service="entrepot",scope="repository:team/app:pull,push"',
  ],
  [
    'auth.token',
    { accounts, token },
    'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:team/app:pull,push"',
  ],
  [
    'autoredirect',
    { token: { ...token, redirectPath: '/auth/token' } },
    'Bearer realm="https://box:5000/auth/token",service="registry",scope="repository:team/app:pull,push"',
  ],
])('with %s', (_which, settings, text) => {
  expect(challengeText({ ...NOBODY, ...settings }, 'http://box:5000', { scopes, error: undefined })).toBe(
    text,
  )
})

test('what was wrong with a token is said, and several scopes stand in one parameter', () => {
  const text = challengeText({ ...NOBODY, accounts }, 'http://box', {
    scopes: ['repository:a:pull,push', 'repository:b:pull'],
    error: 'insufficient_scope',
  })
  expect(text).toBe(
    'Bearer realm="http://box/token",service="entrepot",scope="repository:a:pull,push repository:b:pull",error="insufficient_scope"',
  )
})
