import { expect, test } from '@jest/globals'

import { candidates, commandAs, parsePasswd } from './account.js'

const USERS = parsePasswd(
  'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1001::/home/alice:/bin/sh\nnobody:x:65534:65533:nobody:/nonexistent:/bin/false\n\n',
)
const ROOT = { uid: 0, gid: 0 }
const ALICE = { kind: 'user', uid: 1000, gid: 1001 }
const NOBODY = { kind: 'user', uid: 65_534, gid: 65_533 }
const NAMESPACE_OF_ROOT = { kind: 'namespace', uid: 0, gid: 0 }

test('root tries nobody first, then a namespace', () => {
  expect(candidates(ROOT, USERS, undefined)).toEqual([NOBODY, NAMESPACE_OF_ROOT])
})

test('data stays with its owner as long as that works', () => {
  expect(candidates(ROOT, USERS, 1000)).toEqual([ALICE, NOBODY, NAMESPACE_OF_ROOT])
  expect(candidates(ROOT, USERS, 0)).toEqual([NAMESPACE_OF_ROOT, NOBODY])
})

test('an owner without a name is no account: PostgreSQL asks for it', () => {
  expect(candidates(ROOT, USERS, 4711)).toEqual([NOBODY, NAMESPACE_OF_ROOT])
})

test('a system without nobody leaves root the namespace', () => {
  expect(candidates(ROOT, [], undefined)).toEqual([NAMESPACE_OF_ROOT])
})

test('a plain user runs it as themselves, one without a name in a namespace', () => {
  const alice = { uid: 1000, gid: 1001 }
  expect(candidates(alice, USERS, 1000).map(({ kind }) => kind)).toEqual(['self', 'namespace'])
  expect(candidates({ uid: 4711, gid: 0 }, USERS, 4711).map(({ kind }) => kind)).toEqual([
    'namespace',
    'self',
  ])
})

test('no variable of the caller reaches the server', () => {
  const { options } = commandAs({ kind: 'self', uid: 1, gid: 1 }, '/bin/postgres', [])
  expect(Object.keys(options.env).toSorted()).toEqual(['LC_ALL', 'PATH'])
})
