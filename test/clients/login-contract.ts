import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { passwordOf, RESTRICTED, writeHtpasswd } from '../support/accounts.js'
import type { Outcome } from '../support/commands.js'
import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout } from '../support/image-layout.js'
import {
  type Front,
  type Restriction,
  ServedVolume,
  type Server,
  serverUnderTest,
} from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { TokenServer } from '../support/token-server.js'

/**
 * How a registry knows its people: accounts of its own (a Bearer token for what one may), htpasswd (Basic), or the tokens of
 * another server.
 */
export type Way = 'account' | 'htpasswd' | 'auth.token'

/** A client with logins and images of its own. */
export interface LoginClient {
  /** Whether a wrong password shows at the login already; else with the first thing asked. */
  readonly checksLogins: boolean
  /** Whether it shows what the registry says of a refusal; else only the status. */
  readonly tellsReasons: boolean
  logIn(name: string, password: string): Promise<Outcome>
  logOut(): Promise<unknown>
  /** Pushes what `layoutOf` has for that repository, as its tag `latest`. */
  push(repository: string): Promise<Outcome>
  /** Throws away what it has of that repository, and pulls its `latest`. */
  pull(repository: string): Promise<Outcome>
}

/** What a client is opened with. */
export interface LoginStage {
  readonly state: StateFolder
  readonly volume: ServedVolume
  readonly tokenServer: TokenServer | undefined
  /** What clients call the one image of a repository. */
  nameOf(repository: string): string
  /** The folder of a layout with that image, which is called the same, also on another host. */
  layoutOf(repository: string, host?: string): string
}

/** A stage with its client on it. */
export interface Opened<C extends LoginClient> {
  readonly stage: LoginStage
  readonly client: C
}

export interface LoginCase {
  readonly way: Way
  readonly front: Front
}

/** Clients say it in their own words, and most add ours. */
export const NO_LOGIN =
  /unauthorized|authentication required|authorization failed|no basic auth|basic credential not found|must log in|requested access to the resource is denied|may require 'docker login'|401/i
const WRONG_PASSWORD = /unauthorized|invalid username\/password|authorization failed|password is wrong|401/i

/** Of a token for less: clients say what they make of `insufficient_scope`. */
const TOO_LITTLE = /denied|unauthorized|insufficient|not sufficient|authorization failed/i

/** What every client must be able to do with a registry that knows people; `more` adds tests of one client. */
export function loginContract<C extends LoginClient>(
  title: string,
  { way, front }: LoginCase,
  open: (stage: LoginStage) => Promise<C>,
  more?: (opened: () => Opened<C>) => void,
): void {
  const server = way === 'account' ? 'registry-core' : serverUnderTest()

  describe(`${title} by ${way} over ${front}`, () => {
    let opened: Opened<C>

    beforeAll(async () => {
      const stage = await openStage(way, server, front)
      opened = { stage, client: await open(stage) }
    })
    afterAll(async () => {
      await opened.stage.volume.close()
      await opened.stage.tokenServer?.close()
      await opened.stage.state.destroy()
    })

    async function expectPush(repository: string): Promise<void> {
      expect(await opened.client.push(repository)).toMatchObject({ code: 0 })
    }

    /** It came from the registry, whole. */
    async function expectPull(repository: string): Promise<void> {
      const { volume } = opened.stage
      const from = volume.requests().length
      expect(await opened.client.pull(repository)).toMatchObject({ code: 0 })
      const asked = volume.requests().slice(from)
      const layers = await volume.layersOf(repository, 'latest')
      const expected = layers.map((digest) => `GET /v2/${repository}/blobs/${digest}`)
      expect(asked.map(({ line }) => line)).toEqual(expect.arrayContaining(expected))
    }

    test('without a login nothing is pushed or pulled, and it says why', async () => {
      await opened.client.logOut()
      expectRefusal(await opened.client.push('base/app'), NO_LOGIN)
      expectRefusal(await opened.client.pull('base/app'), NO_LOGIN)
    })

    test('a wrong password fails at the login', async () => {
      const { client } = opened
      // Nobody else's: containerd sends it so often that one command may lock the account.
      const login = await client.logIn('idle', 'wrong')
      expectRefusal(client.checksLogins ? login : await client.pull('base/app'), WRONG_PASSWORD)
    })

    test('with a login an image is pushed and comes back', async () => {
      expect(await opened.client.logIn('owner', 'owner-password')).toMatchObject({ code: 0 })
      await expectPush('base/app')
      await expectPull('base/app')
    })

    more?.(() => opened)

    // Who is in htpasswd may everything.
    const testOfRights = way === 'htpasswd' ? () => undefined : test
    testOfRights('who may only pull pulls, and is told that he may not push', async () => {
      expect(await opened.client.logIn('team', 'team-password')).toMatchObject({ code: 0 })
      await expectPull('base/app')
      const { tellsReasons } = opened.client
      const ours = tellsReasons ? /you may not push base\/more/ : /403 Forbidden/
      expectRefusal(await opened.client.push('base/more'), way === 'account' ? ours : TOO_LITTLE)
    })

    test('after the logout nothing is pulled', async () => {
      await opened.client.logOut()
      expectRefusal(await opened.client.pull('base/app'), NO_LOGIN)
    })

    const testOfAccounts = way === 'account' ? test : () => undefined
    testOfAccounts('where anybody may pull, a pull needs no login and a push does', async () => {
      const { volume } = opened.stage
      await volume.stop()
      await volume.serveWith(server, { access: { ...RESTRICTED.access, anonymous: 'pull' } })
      await expectPull('base/app')
      expectRefusal(await opened.client.push('base/more'), NO_LOGIN)
      expectRefusal(await opened.client.logIn('idle', 'wrong').then(orPush), WRONG_PASSWORD)
    })

    /** Of a client that does not look at its login: what the next thing says. */
    async function orPush(login: Outcome): Promise<Outcome> {
      return opened.client.checksLogins ? login : opened.client.push('base/more')
    }

    test("Distribution's collector finds nothing to delete in what was pushed", async () => {
      expect(await eligibleBlobs(opened.stage.volume.root)).toEqual([])
    })
  })
}

export function expectRefusal(outcome: Outcome, why: RegExp): void {
  expect(outcome).toMatchObject({ code: expect.any(Number), output: expect.stringMatching(why) })
  expect(outcome.code).not.toBe(0)
}

async function openStage(way: Way, server: Server, front: Front): Promise<LoginStage> {
  const state = new StateFolder()
  const tokenServer = way === 'auth.token' ? await TokenServer.start(state.path) : undefined
  const restriction = tokenServer ? believing(tokenServer) : restrictionOf(way, state)
  const volume = await ServedVolume.open(state, server, front, restriction)
  return {
    state,
    volume,
    tokenServer,
    nameOf: (repository) => nameOn(volume.host, repository),
    layoutOf(repository, host = volume.host) {
      const layout = new ImageLayout(state.join(`layout-${repository.replaceAll('/', '-')}`))
      const shape = { seed: `login ${repository}`, layers: 2, layerBytes: 100_000 }
      layout.addImage(nameOn(host, repository), shape)
      return layout.folder
    },
  }
}

function nameOn(host: string, repository: string): string {
  return `${host}/${repository}:latest`
}

function restrictionOf(way: Way, state: StateFolder): Restriction {
  const headers = passwordOf('owner')
  if (way === 'account') return { config: RESTRICTED, headers }
  const file = state.join('htpasswd')
  writeHtpasswd(file, 'owner', 'idle')
  return { config: { auth: { htpasswd: { realm: 'Registry Realm', path: file } } }, headers }
}

function believing(tokenServer: TokenServer): Restriction {
  const scopes = ['base/app', 'base/built'].map((name) => `repository:${name}:pull,push`)
  const token = tokenServer.tokenFor('owner', scopes, 600)
  return {
    config: { auth: { token: tokenServer.settings } },
    headers: { authorization: `Bearer ${token}` },
  }
}
