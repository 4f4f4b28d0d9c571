import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'

import { expect, test } from '@jest/globals'

import { type Outcome, run } from '../support/commands.js'
import { type Suite, Toolbox } from '../support/toolbox.js'
import {
  expectRefusal,
  type LoginCase,
  type LoginClient,
  loginContract,
  type LoginStage,
  NO_LOGIN,
  type Opened,
} from './login-contract.js'

type Program = 'podman' | 'buildah' | 'skopeo'

/** As these machines want it: crun refuses a mixed tree of control groups, and the limits may not be raised. */
const CONFIGURATION = `
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
`

/** podman, buildah and skopeo: one library, one file of logins, one folder of certificates for each registry. */
class ContainersLogin implements LoginClient {
  readonly checksLogins = true
  readonly tellsReasons = true
  readonly stage: LoginStage
  readonly #program: Program
  readonly #tools: Toolbox

  private constructor(program: Program, stage: LoginStage, tools: Toolbox) {
    this.#program = program
    this.stage = stage
    this.#tools = tools
  }

  static async open(program: Program, suite: Suite, stage: LoginStage): Promise<ContainersLogin> {
    const { state, volume } = stage
    const tools = await Toolbox.open(suite, state)
    process.stdout.write(await tools.run(program, '--version'))
    mkdirSync(state.join('certs'))
    if (volume.caFile !== undefined) copyFileSync(volume.caFile, state.join('certs/ca.crt'))
    if (volume.clientCertificate !== undefined) {
      copyFileSync(volume.clientCertificate.certificate, state.join('certs/client.cert'))
      copyFileSync(volume.clientCertificate.key, state.join('certs/client.key'))
    }
    writeFileSync(state.join('auth.json'), '{}')
    writeFileSync(state.join('containers.conf'), CONFIGURATION)
    return new ContainersLogin(program, stage, tools)
  }

  get host(): string {
    return this.stage.volume.host
  }

  /** Where it finds authorities, or that there are none to look for; `prefix` is `src` or `dest` where there are two. */
  reach(prefix = ''): readonly string[] {
    const flag = (name: string): string => (prefix === '' ? `--${name}` : `--${prefix}-${name}`)
    return this.stage.volume.caFile === undefined
      ? [`${flag('tls-verify')}=false`]
      : [flag('cert-dir'), this.stage.state.join('certs')]
  }

  attempt(...args: readonly string[]): Promise<Outcome> {
    const { state } = this.stage
    const environment = [
      `REGISTRY_AUTH_FILE=${state.join('auth.json')}`,
      `CONTAINERS_CONF=${state.join('containers.conf')}`,
      'PODMAN_IGNORE_CGROUPSV1_WARNING=1',
    ]
    const folders = ['--root', state.join('storage'), '--runroot', state.join('run'), '--storage-driver=vfs']
    const options = this.#program === 'skopeo' ? ['--insecure-policy'] : folders
    return this.#tools.attempt('env', ...environment, this.#program, ...options, ...args)
  }

  logIn(name: string, password: string): Promise<Outcome> {
    return this.attempt('login', ...this.reach(), '--username', name, '--password', password, this.host)
  }

  logOut(): Promise<Outcome> {
    return this.attempt('logout', this.host)
  }

  async push(repository: string): Promise<Outcome> {
    const layout = this.stage.layoutOf(repository)
    const remote = this.nameOf(repository)
    if (this.#program === 'skopeo')
      return this.attempt('copy', ...this.reach('dest'), `oci:${layout}:latest`, remote)
    const archive = this.stage.state.join('image.tar')
    await run('tar', ['-C', layout, '-cf', archive, '.'])
    const loaded = await this.attempt('pull', '--quiet', `docker-archive:${archive}`)
    const id = /^[0-9a-f]{64}$/m.exec(loaded.output)?.[0]
    return id === undefined ? loaded : this.attempt('push', ...this.reach(), id, remote)
  }

  async pull(repository: string): Promise<Outcome> {
    if (this.#program === 'skopeo') {
      const target = `dir:${this.stage.state.join(`pulled-${this.#pulls++}`)}`
      return this.attempt('copy', ...this.reach('src'), this.nameOf(repository), target)
    }
    await this.attempt('rmi', '--all', '--force')
    return this.attempt('pull', ...this.reach(), this.nameOf(repository))
  }
  #pulls = 0

  nameOf(repository: string): string {
    return `docker://${this.stage.nameOf(repository)}`
  }
}

function podmanTests(opened: () => Opened<ContainersLogin>): void {
  test('what podman pulled runs', async () => {
    const { client, stage } = opened()
    const run = ['run', '--rm', '--network=none', '--pull=never', stage.nameOf('base/app')]
    expect(await client.attempt(...run)).toEqual({
      code: 0,
      output: expect.stringMatching(/^[0-9a-f]{64} {2}random-1\n[0-9a-f]{64} {2}random-2\n$/),
    })
  })
}

function skopeoTests(opened: () => Opened<ContainersLogin>): void {
  test('skopeo synchronises, copies an index with all its images, and deletes, with the login', async () => {
    const { client, stage } = opened()
    const folder = stage.state.join('synchronised')
    const sync = ['sync', ...client.reach('src'), '--src', 'docker', '--dest', 'dir']
    expect(await client.attempt(...sync, `${client.host}/base/app`, folder)).toMatchObject({ code: 0 })
    expect(readdirSync(folder)).toEqual(['app:latest'])
    const copy = ['copy', '--all', ...client.reach('src'), ...client.reach('dest')]
    const target = client.nameOf('base/copied')
    expect(await client.attempt(...copy, client.nameOf('base/app'), target)).toMatchObject({ code: 0 })
    await client.logOut()
    const remove = ['delete', ...client.reach(), target]
    expectRefusal(await client.attempt(...remove), NO_LOGIN)
    await client.logIn('owner', 'owner-password')
    expect(await client.attempt(...remove)).toMatchObject({ code: 0 })
    expect(await stage.volume.client.get('/v2/base/copied/manifests/latest')).toMatchObject({ status: 404 })
  })
}

const CASES: readonly (LoginCase & { program: Program; suite: Suite })[] = [
  { program: 'podman', suite: 'own', way: 'account', front: 'plain HTTP' },
  { program: 'podman', suite: 'own', way: 'htpasswd', front: 'TLS of its own' },
  { program: 'podman', suite: 'sid', way: 'account', front: 'TLS of its own' },
  { program: 'podman', suite: 'sid', way: 'htpasswd', front: 'nginx with TLS' },
  { program: 'buildah', suite: 'own', way: 'htpasswd', front: 'plain HTTP' },
  { program: 'buildah', suite: 'sid', way: 'account', front: 'nginx with TLS' },
  { program: 'skopeo', suite: 'own', way: 'account', front: 'nginx with TLS' },
  { program: 'skopeo', suite: 'own', way: 'htpasswd', front: 'TLS of its own' },
  { program: 'skopeo', suite: 'sid', way: 'account', front: 'plain HTTP' },
]
const MORE = { podman: podmanTests, buildah: undefined, skopeo: skopeoTests }

for (const { program, suite, ...login } of CASES) {
  const open = (stage: LoginStage) => ContainersLogin.open(program, suite, stage)
  loginContract(`Debian's ${program} (${suite})`, login, open, MORE[program])
}
