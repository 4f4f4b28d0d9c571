import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

import { expect, test } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { randomBytes } from '../support/image-layout.js'
import { Toolbox } from '../support/toolbox.js'
import {
  expectRefusal,
  type LoginCase,
  type LoginClient,
  loginContract,
  type LoginStage,
  NO_LOGIN,
  type Opened,
} from './login-contract.js'

const SBOM = 'application/vnd.test.sbom'

class OrasLogin implements LoginClient {
  readonly checksLogins = true
  readonly tellsReasons = true
  readonly stage: LoginStage
  readonly #tools: Toolbox

  private constructor(stage: LoginStage, tools: Toolbox) {
    this.stage = stage
    this.#tools = tools
  }

  static async open(stage: LoginStage): Promise<OrasLogin> {
    const tools = await Toolbox.open('sid', stage.state)
    process.stdout.write(`oras ${(await tools.run('oras', 'version')).split('\n')[0]}\n`)
    mkdirSync(stage.state.join('files'))
    writeFileSync(stage.state.join('files/payload.bin'), randomBytes('oras', 300_000))
    writeFileSync(stage.state.join('files/sbom.json'), '{"bom":1}')
    return new OrasLogin(stage, tools)
  }

  /** Runs in the folder of files, whose names become titles of layers. */
  attempt(subcommand: string, ...args: readonly string[]): Promise<Outcome> {
    const { state, volume } = this.stage
    const { caFile, clientCertificate } = volume
    const shown = clientCertificate && [
      '--cert-file',
      clientCertificate.certificate,
      '--key-file',
      clientCertificate.key,
    ]
    const reach = caFile === undefined ? ['--plain-http'] : ['--ca-file', caFile, ...(shown ?? [])]
    const options = [...reach, '--registry-config', state.join('config.json')]
    return this.#tools.attempt('env', '-C', state.join('files'), 'oras', subcommand, ...options, ...args)
  }

  logIn(name: string, password: string): Promise<Outcome> {
    return this.attempt('login', '--username', name, '--password', password, this.stage.volume.host)
  }

  logOut(): Promise<Outcome> {
    const { state, volume } = this.stage
    return this.#tools.attempt('oras', 'logout', '--registry-config', state.join('config.json'), volume.host)
  }

  push(repository: string): Promise<Outcome> {
    return this.attempt('push', this.stage.nameOf(repository), 'payload.bin:application/octet-stream')
  }

  pull(repository: string): Promise<Outcome> {
    const folder = this.stage.state.join('pulled')
    rmSync(folder, { recursive: true, force: true })
    return this.attempt('pull', this.stage.nameOf(repository), '--output', folder)
  }
}

function artifactTests(opened: () => Opened<OrasLogin>): void {
  test('what is attached to an artifact is discovered with the login, and not without', async () => {
    const { client, stage } = opened()
    const payload = (folder: string) => readFileSync(stage.state.join(`${folder}/payload.bin`))
    expect(payload('pulled')).toEqual(payload('files'))
    const attach = ['--artifact-type', SBOM, stage.nameOf('base/app'), 'sbom.json:application/json']
    expect(await client.attempt('attach', ...attach)).toMatchObject({ code: 0 })
    const discover = ['--format', 'json', stage.nameOf('base/app')]
    const { code, output } = await client.attempt('discover', ...discover)
    expect(code).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ referrers: [{ artifactType: SBOM }] })
    await client.logOut()
    expectRefusal(await client.attempt('discover', ...discover), NO_LOGIN)
    await client.logIn('owner', 'owner-password')
  })
}

const CASES: readonly LoginCase[] = [
  { way: 'account', front: 'nginx with TLS' },
  { way: 'htpasswd', front: 'plain HTTP' },
]

for (const login of CASES) {
  loginContract('oras', login, (stage) => OrasLogin.open(stage), artifactTests)
}
