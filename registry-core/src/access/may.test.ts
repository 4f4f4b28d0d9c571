import { expect, test } from '@jest/globals'
import { parseRepositoryName } from '../oci/repository.js'
import { anonymousCaller, anonymousTokenCaller, type Caller } from './caller.js'
import { compileGlob } from '../oci/glob.js'
import { ALL_RIGHTS, may, mayAnything } from './may.js'
import { refusalOf } from './refusal.js'
import { scopeOf } from './token-scope.js'

const repository = parseRepositoryName('team/app')

test.each([
  ['push', true, true, true],
  ['pull', true, false, false],
  ['none', false, false, false],
] as const)('anonymous %s may pull: %s, push: %s, delete: %s', (level, pull, push, remove) => {
  const caller = anonymousCaller(level, false)
  expect(may(caller, 'pull', repository)).toBe(pull)
  expect(may(caller, 'push', repository)).toBe(push)
  expect(may(caller, 'delete', repository)).toBe(remove)
  expect(mayAnything(caller)).toBe(pull)
})

test('a right on one repository is none on another', () => {
  const rights = [{ repositories: [compileGlob('team/app')], actions: ['pull'] }] as const
  expect(may({ rights, token: undefined }, 'pull', repository)).toBe(true)
  expect(may({ rights, token: undefined }, 'pull', parseRepositoryName('team/other'))).toBe(false)
})

const pullToken = scopeOf([{ type: 'repository', name: 'team/app', actions: ['pull'] }])
const account: Caller = {
  account: 'ci',
  rights: ALL_RIGHTS,
  token: undefined,
  countsAsPull: true,
  login: 'done',
  ownRights: [],
}

test('a token allows what both it and its owner may', () => {
  expect(may({ ...account, token: pullToken }, 'pull', repository)).toBe(true)
  expect(may({ ...account, token: pullToken }, 'push', repository)).toBe(false)
  expect(may({ ...account, rights: [], token: pullToken }, 'pull', repository)).toBe(false)
})

test.each([
  ['an account without the right', { ...account, rights: [] }, 'denied'],
  ['a token for less than its owner may', { ...account, token: pullToken }, 'scope-insufficient'],
  ['a token whose owner may not either', { ...account, rights: [], token: pullToken }, 'denied'],
  ['nobody, where one can log in', anonymousCaller('pull', true), 'unauthorized'],
  [
    'nobody with a token, where one can log in',
    anonymousTokenCaller(anonymousCaller('pull', true), pullToken),
    'unauthorized',
  ],
  ['nobody, where nobody can log in', anonymousCaller('pull', false), 'denied'],
] as const)('%s is refused as %s', (_who, caller, failure) => {
  expect(refusalOf(caller, 'push', repository).failure).toBe(failure)
})
