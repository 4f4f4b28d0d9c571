import { expect, test } from '@jest/globals'
import { parseRepositoryName } from '../oci/repository.js'
import { compileGlob } from '../oci/glob.js'
import { ALL_RIGHTS, allows } from './may.js'
import { findScope, grantable, scopeOf } from './token-scope.js'

test.each([
  ['repository:team/app:pull,push', { type: 'repository', name: 'team/app', actions: ['pull', 'push'] }],
  ['repository(plugin):x:pull', { type: 'repository', name: 'x', actions: ['pull'] }],
  ['repository:host:5000/x:pull', { type: 'repository', name: 'host:5000/x', actions: ['pull'] }],
  ['registry:catalog:*', { type: 'registry', name: 'catalog', actions: ['*'] }],
  ['repository:x:pull,pull', { type: 'repository', name: 'x', actions: ['pull'] }],
  ['repository:x', undefined],
  ['', undefined],
  ['repository::pull', undefined],
])('the scope %j is read', (text, scope) => {
  expect(findScope(text)).toEqual(scope)
})

test('what is granted is what was asked and what the rights allow, and nothing else', () => {
  const rights = [{ repositories: [compileGlob('team/**')], actions: ['pull', 'push'] }] as const
  const asked = [
    'repository:team/app:pull,push,delete',
    'repository:other/app:pull',
    'repository:team/all:*',
    'repository:../x:pull',
    'repository:team/**:pull',
    'registry:catalog:*',
    'planet:earth:pull',
  ].flatMap((text) => findScope(text) ?? [])
  expect(grantable(asked, rights)).toEqual([
    { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
    { type: 'repository', name: 'team/all', actions: ['pull', 'push'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ])
  expect(grantable(asked, [])).toEqual([])
  expect(grantable(asked.slice(0, 1), ALL_RIGHTS)[0]?.actions).toEqual(['pull', 'push', 'delete'])
})

test('a star in a token is no pattern for names, and every action', () => {
  const { rights, catalog } = scopeOf([
    { type: 'repository', name: '**', actions: ['pull'] },
    { type: 'repository', name: 'x', actions: ['*'] },
  ])
  expect(allows(rights, 'pull', parseRepositoryName('team/app'))).toBe(false)
  expect(allows(rights, 'delete', parseRepositoryName('x'))).toBe(true)
  expect(catalog).toBe(false)
})
