import { writeFileSync } from 'node:fs'

import { basic, hashOf } from '#core-test/access/parts.js'

/** Who can log in at a restricted registry; each password is the name and `-password`. */
export const RESTRICTED = {
  access: {
    anonymous: 'none',
    accounts: [
      rights('owner', { repositories: ['**'], actions: ['pull', 'push', 'delete'] }),
      rights(
        'team',
        { repositories: ['team/**'], actions: ['pull', 'push', 'delete'] },
        { repositories: ['base/*'], actions: ['pull'] },
      ),
      rights('idle'),
    ],
    immutable: [{ repository: 'team/release/**', tag: 'v*' }],
  },
}

function rights(name: string, ...rows: readonly object[]): object {
  return { name, secretHash: hashOf(`${name}-password`), rights: rows }
}

/** The `Authorization` of a user, by password. */
export function passwordOf(name: string, password?: string): Readonly<Record<string, string>> {
  return { authorization: basic(name, password) }
}

/** Writes a file of htpasswd with these users. */
export function writeHtpasswd(file: string, ...names: readonly string[]): void {
  writeFileSync(file, names.map((name) => `${name}:${hashOf(`${name}-password`)}\n`).join(''))
}
