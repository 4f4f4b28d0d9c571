import { expect, test } from '@jest/globals'
import { parseRepositoryName } from '../oci/repository.js'
import { findMirroredName } from './mirrored-name.js'

const LONG = 'a'.repeat(250)

test.each([
  ['docker.io', 'host', 'alpine', 'library/alpine', 'docker.io/library/alpine'],
  ['docker.io', 'host', 'grafana/loki', 'grafana/loki', 'docker.io/grafana/loki'],
  ['docker.io', 'bare', 'alpine', 'alpine', 'alpine'],
  ['quay.io', 'host', 'alpine', 'alpine', 'quay.io/alpine'],
] as const)('%s named by %s: %s is %s there, and %s here', (host, naming, asked, remote, stored) => {
  expect(findMirroredName({ host, naming }, parseRepositoryName(asked))).toEqual({ host, remote, stored })
})

test('a name that is too long with its host before it is none', () => {
  expect(findMirroredName({ host: 'quay.io', naming: 'host' }, parseRepositoryName(LONG))).toBeUndefined()
})
