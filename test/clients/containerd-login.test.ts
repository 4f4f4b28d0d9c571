import { afterAll } from '@jest/globals'

import type { Outcome } from '../support/commands.js'
import { Containerd } from '../support/containerd.js'
import { ImageService } from '../support/image-service.js'
import type { Suite } from '../support/toolbox.js'
import { type LoginCase, type LoginClient, loginContract, type LoginStage } from './login-contract.js'

/** ctr, and the kubelet's way with a pull secret: they name and password with each command, so there is no login to fail. */
class ContainerdLogin implements LoginClient {
  readonly checksLogins = false
  readonly tellsReasons: boolean
  readonly containerd: Containerd
  readonly #stage: LoginStage
  readonly #kubelet: ImageService | undefined
  #user: { readonly username: string; readonly password: string } | undefined

  private constructor(
    suite: Suite,
    stage: LoginStage,
    containerd: Containerd,
    kubelet: ImageService | undefined,
  ) {
    this.tellsReasons = suite === 'sid' // containerd 1.6 shows none
    this.#stage = stage
    this.containerd = containerd
    this.#kubelet = kubelet
  }

  static async open(suite: Suite, how: 'ctr' | 'CRI', stage: LoginStage): Promise<ContainerdLogin> {
    const containerd = await Containerd.start(suite, stage.state, stage.volume)
    process.stdout.write(await containerd.ctr('--version'))
    return new ContainerdLogin(
      suite,
      stage,
      containerd,
      how === 'CRI' ? new ImageService(containerd.socket) : undefined,
    )
  }

  async logIn(username: string, password: string): Promise<Outcome> {
    this.#user = { username, password }
    return { code: 0, output: '' }
  }

  async logOut(): Promise<void> {
    this.#user = undefined
  }

  async push(repository: string): Promise<Outcome> {
    await this.containerd.load(this.#stage.layoutOf(repository))
    const outcome = await this.#transfer('push', repository)
    await this.#forget(repository)
    return outcome
  }

  async pull(repository: string): Promise<Outcome> {
    await this.#forget(repository)
    return this.#kubelet
      ? this.#kubelet.pull(this.#stage.nameOf(repository), this.#user)
      : this.#transfer('pull', repository)
  }

  async stop(): Promise<void> {
    this.#kubelet?.close()
    await this.containerd.stop()
  }

  #transfer(direction: 'push' | 'pull', repository: string): Promise<Outcome> {
    const { reach } = this.containerd
    const user = this.#user === undefined ? [] : ['--user', `${this.#user.username}:${this.#user.password}`]
    return this.containerd.attempt('images', direction, ...reach, ...user, this.#stage.nameOf(repository))
  }

  async #forget(repository: string): Promise<void> {
    await this.containerd.ctr('images', 'rm', '--sync', this.#stage.nameOf(repository))
    await this.#kubelet?.remove(this.#stage.nameOf(repository))
  }
}

const CASES: readonly (LoginCase & { suite: Suite; how: 'ctr' | 'CRI' })[] = [
  { suite: 'own', how: 'ctr', way: 'account', front: 'nginx with TLS' },
  { suite: 'own', how: 'CRI', way: 'htpasswd', front: 'plain HTTP' },
  { suite: 'own', how: 'CRI', way: 'account', front: 'TLS of its own' },
  { suite: 'sid', how: 'ctr', way: 'htpasswd', front: 'TLS of its own' },
  { suite: 'sid', how: 'CRI', way: 'account', front: 'TLS of its own' },
  { suite: 'sid', how: 'ctr', way: 'account', front: 'plain HTTP' },
  { suite: 'sid', how: 'CRI', way: 'account', front: 'nginx with TLS' },
]

const started: ContainerdLogin[] = []
afterAll(async () => {
  for (const client of started.splice(0)) await client.stop()
})

for (const { suite, how, ...login } of CASES) {
  loginContract(`Debian's containerd (${suite}) and ${how}`, login, async (stage) => {
    const client = await ContainerdLogin.open(suite, how, stage)
    started.push(client)
    return client
  })
}
