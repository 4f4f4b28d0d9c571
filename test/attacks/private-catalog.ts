import { expect, test } from '@jest/globals'

import { readRepositories } from '../api/suite/read.js'
import { passwordOf } from '../support/accounts.js'
import { makeImage } from '../support/images.js'
import { RegistryClient } from '../support/registry-client.js'
import type { TlsTarget } from './tls-target.js'

/** Row 14, on a listener where accounts have rights of their own. */
export function testCatalog(target: () => TlsTarget): void {
  test('the catalog holds what its reader may pull, and is nothing to nobody (attack 14)', async () => {
    const { tls, privatePort } = target()
    const as = (headers: Readonly<Record<string, string>>): RegistryClient =>
      new RegistryClient(`https://127.0.0.1:${privatePort}`, { tls, headers })
    const [owner, team, idle, nobody] = [
      as(passwordOf('owner')),
      as(passwordOf('team')),
      as(passwordOf('idle')),
      as({}),
    ]
    for (const name of ['base/os', 'secret/x', 'team/a'])
      await owner.pushImage(name, makeImage({ layers: 0 }), 'x')
    const seen = readRepositories(await team.get('/v2/_catalog?n=1000'))
    expect(seen.filter((name) => /^(?:base|secret|team)\//.test(name))).toEqual(['base/os', 'team/a'])
    expect(seen.filter((name) => !/^(?:base|team)\//.test(name))).toEqual([])
    expect([(await idle.get('/v2/_catalog')).status, (await nobody.get('/v2/_catalog')).status]).toEqual([
      403, 401,
    ])
    for (const client of [owner, team, idle, nobody]) await client.close()
  })
}
