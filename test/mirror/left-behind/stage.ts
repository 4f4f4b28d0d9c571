import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { hashOf } from '#core-test/access/parts.js'
import { passwordOf } from '../../support/accounts.js'
import { FakeUpstream } from '../../support/fake-upstream/fake-upstream.js'
import { startMirror } from '../../support/mirror.js'
import { expectStatus, RegistryClient } from '../../support/registry-client.js'
import type { InFile } from './promise.js'
import { type Account, type CallerName, CALLERS, type Host, HOSTS, type Story } from './story.js'

const LOGIN = { username: 'me', password: 'secret' }
const ALL = ['pull', 'push', 'delete']

/** One process for all stories, the upstreams that it may mirror, and everybody who asks it. */
export interface Stage {
  readonly upstreams: { readonly [H in Host]: FakeUpstream }
  readonly at: { readonly [V in 'registry' | 'mirror']: { readonly [C in CallerName]: RegistryClient } }
  /** A number that no repository has in its name yet. */
  fresh(): number
  /** The file is another one from now on. */
  configure(story: Story, inFile: InFile | undefined): Promise<void>
  close(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const options = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['private'] } as const
  const [hub, quay] = [await FakeUpstream.start(options), await FakeUpstream.start(options)]
  const upstreams = { 'docker.io': hub, 'quay.io': quay }
  const socket = path.join(folder, 'control.sock')
  const mirror = await startMirror({
    upstreams: [],
    config: { internal: { socket }, log: { level: 'error', accesslog: { disabled: true } } },
  })
  const internal = new RegistryClient('http://core', { socketPath: socket })
  const clientsOf = (url: string): Stage['at']['registry'] => {
    const client = (name?: string): RegistryClient =>
      new RegistryClient(url, name === undefined ? {} : { headers: passwordOf(name) })
    return { nobody: client(), one: client('one'), two: client('two'), owner: client('owner') }
  }
  const at = {
    registry: clientsOf(mirror.core.baseUrl),
    mirror: clientsOf(`http://127.0.0.1:${mirror.mirrorPort}`),
  }
  const { configFile } = mirror.core
  let numbers = 0
  return {
    upstreams,
    at,
    fresh: () => (numbers += 1),
    async configure(story, inFile) {
      const before = JSON.parse(readFileSync(configFile, 'utf8')) as object
      const changed = {
        ...before,
        mirrors: mirrorsOf(story.host, inFile, upstreams),
        access: accessOf(story),
      }
      writeFileSync(configFile, JSON.stringify(changed))
      expectStatus(await internal.post('/reload'), 200)
    },
    async close() {
      const clients = [at.registry, at.mirror].flatMap((each) => CALLERS.map((name) => each[name]))
      await Promise.all([internal, ...clients].map((client) => client.close()))
      await mirror.remove()
      await Promise.all(HOSTS.map((host) => upstreams[host].close()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mirrorsOf(host: Host, inFile: InFile | undefined, upstreams: Stage['upstreams']): object {
  if (inFile === undefined) return { upstreams: [] }
  const { hasAccount, expose } = inFile
  const login = hasAccount ? LOGIN : {}
  const upstream = { host, urls: [upstreams[host].url], allowAddresses: ['127.0.0.0/8'], expose, ...login }
  return { ...(host === 'docker.io' && { default: host }), upstreams: [upstream] }
}

function accessOf({ host, anonymous, accounts }: Story): object {
  const [one, two] = accounts
  return {
    anonymous,
    accounts: [
      accountOf('owner', [{ repositories: ['**'], actions: ALL }]),
      accountOf('one', rightsOf(host, one)),
      accountOf('two', rightsOf(host, two)),
    ],
  }
}

function rightsOf(host: Host, account: Account): readonly object[] {
  const own = { repositories: ['mine/**'], actions: ALL }
  const repositories = patternsOf(host, account)
  return repositories.length === 0 ? [own] : [own, { repositories, actions: account.pushes ? ALL : ['pull'] }]
}

/** As they stand in the file. */
export function patternsOf(host: Host, { patterns }: Account): readonly string[] {
  return patterns.map((pattern) => pattern.replace('HOST', host))
}

function accountOf(name: string, rights: readonly object[]): object {
  return { name, secretHash: hashOf(`${name}-password`), rights }
}
