import { mkdirSync, writeFileSync } from 'node:fs'

import { expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { OUTSIDE_NAME } from '../support/served-volume.js'
import { daemonOptions } from './docker-contract.js'
import {
  expectRefusal,
  type LoginCase,
  type LoginClient,
  loginContract,
  type LoginStage,
  NO_LOGIN,
  type Opened,
} from './login-contract.js'

/** What a dockerd and its command lines must be able to do with a registry that knows people. */
export function dockerLoginContract(kind: DaemonKind, login: LoginCase): void {
  loginContract(
    kind.title,
    login,
    (stage) => DockerLogin.open(kind, login, stage),
    (opened) => {
      buildTests(kind, login, opened)
      composeTests(opened)
    },
  )
}

class DockerLogin implements LoginClient {
  readonly checksLogins = true
  readonly tellsReasons = true
  readonly daemon: DockerDaemon
  readonly host: string
  readonly #stage: LoginStage

  private constructor(stage: LoginStage, daemon: DockerDaemon, host: string) {
    this.#stage = stage
    this.daemon = daemon
    this.host = host
  }

  static async open(kind: DaemonKind, { way }: LoginCase, stage: LoginStage): Promise<DockerLogin> {
    const { state, volume } = stage
    // Tokens for BuildKit and for the containerd store are fetched by who does not look into certs.d.
    const needsTrust = kind.suite === 'sid' && way === 'account' && volume.caFile !== undefined
    const daemon = await DockerDaemon.start(state.join('docker'), kind, {
      ...daemonOptions(volume),
      ...(needsTrust && { systemAuthority: volume.caFile }),
    })
    process.stdout.write(`${kind.title}: ${await daemon.version()}`)
    const host = volume.caFile === undefined ? volume.host : `${OUTSIDE_NAME}:${volume.port}`
    return new DockerLogin(stage, daemon, host)
  }

  logIn(name: string, password: string): Promise<Outcome> {
    return this.daemon.attempt('login', '--username', name, '--password', password, this.host)
  }

  logOut(): Promise<Outcome> {
    return this.daemon.attempt('logout', this.host)
  }

  async push(repository: string): Promise<Outcome> {
    await this.daemon.load(this.#stage.layoutOf(repository, this.host))
    return this.daemon.attempt('push', `${this.host}/${repository}`)
  }

  async pull(repository: string): Promise<Outcome> {
    await this.forget(repository)
    return this.daemon.attempt('pull', `${this.host}/${repository}`)
  }

  async forget(repository: string): Promise<void> {
    await this.daemon.attempt('image', 'rm', '--force', `${this.host}/${repository}`)
  }

  /** A folder that the daemon's own root shows too. */
  folder(name: string): string {
    const folder = this.#stage.state.join(`docker/${name}`)
    mkdirSync(folder, { recursive: true })
    return folder
  }
}

function buildTests(kind: DaemonKind, { way }: LoginCase, opened: () => Opened<DockerLogin>): void {
  test('an image is built on one that needs the login, and not without', async () => {
    const { client, stage } = opened()
    const context = client.folder('context')
    writeFileSync(`${context}/hello`, 'hello\n')
    writeFileSync(`${context}/Dockerfile`, `FROM ${client.host}/base/built\nCOPY hello /hello\n`)
    const build = (): Promise<Outcome> =>
      kind.suite === 'own'
        ? client.daemon.attempt('build', '--no-cache', context)
        : client.daemon.attempt('buildx', 'build', '--no-cache', '--pull', '--progress=plain', context)
    expect(await client.push('base/built')).toMatchObject({ code: 0 })
    await client.forget('base/built')
    await client.logOut()
    expectRefusal(await build(), NO_LOGIN)
    await client.logIn('owner', 'owner-password')
    const from = stage.volume.requests().length
    expect(await build()).toMatchObject({ code: 0 })
    const asked = stage.volume.requests().slice(from)
    const tokens = asked.flatMap(({ line }) => /^(\w+) \/token/.exec(line)?.[1] ?? [])
    const first = kind.suite === 'own' ? 'GET' : 'POST' // BuildKit tries the OAuth2 form first
    expect(tokens[0]).toBe(way === 'account' ? first : undefined)
  })
}

function composeTests(opened: () => Opened<DockerLogin>): void {
  test('compose pulls with the login', async () => {
    const { client } = opened()
    const file = `${client.folder('compose')}/docker-compose.yml`
    const services = { app: { image: `${client.host}/base/app` } }
    writeFileSync(file, JSON.stringify({ version: '3', services })) // which is YAML
    await client.forget('base/app')
    expect(await client.daemon.compose('--file', file, 'pull')).toMatchObject({ code: 0 })
    expect((await client.daemon.identity(`${client.host}/base/app`)).diffIds).toHaveLength(2)
  })
}
