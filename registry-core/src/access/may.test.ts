import { expect, test } from '@jest/globals'
import { parseRepositoryName } from '../oci/repository.js'
import { anonymousCaller } from './caller.js'
import { may, mayAnything } from './may.js'

const repository = parseRepositoryName('team/app')

test.each([
  ['push', true, true, true],
  ['pull', true, false, false],
  ['none', false, false, false],
] as const)('anonymous %s may pull: %s, push: %s, delete: %s', (level, pull, push, remove) => {
  const caller = anonymousCaller(level)
  expect(may(caller, 'pull', repository)).toBe(pull)
  expect(may(caller, 'push', repository)).toBe(push)
  expect(may(caller, 'delete', repository)).toBe(remove)
  expect(mayAnything(caller)).toBe(pull)
})

test('a right on one repository is none on another', () => {
  const caller = { rights: [{ repositories: ['team/app'], actions: ['pull'] }] } as const
  expect(may(caller, 'pull', repository)).toBe(true)
  expect(may(caller, 'pull', parseRepositoryName('team/other'))).toBe(false)
})
