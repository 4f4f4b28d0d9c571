import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import { RESTRICTED, writeHtpasswd } from '../support/accounts.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { ImageLayout } from '../support/image-layout.js'
import { StateFolder } from '../support/state-folder.js'
import { startCore, type Target } from '../support/targets.js'

jest.setTimeout(120_000)

/** docker takes a challenge from `GET /v2/` only: a wrong password must fail at the login, not at the push. */
describe('dockerd 20.10 logs in', () => {
  let state: StateFolder
  let daemon: DockerDaemon
  const cores: Target[] = []

  beforeAll(async () => {
    state = new StateFolder()
    daemon = await DockerDaemon.start(state.join('docker'), {
      ...{ title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
    })
  })
  afterAll(async () => {
    for (const core of cores.splice(0)) await core.remove()
    await state.destroy()
  })

  async function start(config: Readonly<Record<string, unknown>>): Promise<string> {
    const core = await startCore({ config })
    cores.push(core)
    return `127.0.0.1:${core.port}`
  }

  const login = (host: string, name: string, password = `${name}-password`) =>
    daemon.attempt('login', '--username', name, '--password', password, host)

  async function load(name: string): Promise<void> {
    const layout = new ImageLayout(state.join(name.replaceAll(/[:/]/g, '-')))
    layout.addImage(`${name}:latest`, { seed: name, layers: 2, layerBytes: 100_000 })
    await daemon.load(layout.folder)
  }

  test('with an account, and may do what its rights say', async () => {
    const host = await start(RESTRICTED)
    await load(`${host}/team/app`)
    await load(`${host}/other/app`)
    const nobody = await daemon.attempt('push', `${host}/team/app`)
    expect(nobody).toEqual({ code: 1, output: expect.stringMatching(/unauthorized|no basic auth/) })
    expect(await login(host, 'team', 'wrong')).toEqual({
      ...{ code: 1, output: expect.stringContaining('unauthorized: the user name or the password is wrong') },
    })
    expect(await login(host, 'team')).toEqual({ code: 0, output: expect.stringContaining('Login Succeeded') })
    await daemon.push(`${host}/team/app`)
    await daemon.forget(`${host}/team/app`)
    await daemon.docker('pull', `${host}/team/app`)
    const denied = await daemon.attempt('push', `${host}/other/app`)
    expect(denied).toEqual({ code: 1, output: expect.stringContaining('denied') })
    await daemon.docker('logout', host)
    expect((await daemon.attempt('pull', `${host}/team/app`)).code).toBe(1)
  })

  test('with htpasswd, as with registry:2', async () => {
    const file = state.join('htpasswd')
    writeHtpasswd(file, 'ci')
    const host = await start({ auth: { htpasswd: { realm: 'Registry Realm', path: file } } })
    await load(`${host}/app`)
    expect((await login(host, 'ci', 'wrong')).code).toBe(1)
    expect(await login(host, 'ci')).toEqual({ code: 0, output: expect.stringContaining('Login Succeeded') })
    await daemon.push(`${host}/app`)
    await daemon.forget(`${host}/app`)
    await daemon.docker('pull', `${host}/app`)
    await daemon.docker('logout', host)
    expect((await daemon.attempt('pull', `${host}/app`)).code).toBe(1)
  })

  test('where anybody may pull: pulls need no login, pushes do', async () => {
    const { access } = RESTRICTED
    const host = await start({ access: { ...access, anonymous: 'pull' } })
    await load(`${host}/team/app`)
    expect((await login(host, 'team', 'wrong')).code).toBe(1)
    expect((await login(host, 'team')).code).toBe(0)
    await daemon.push(`${host}/team/app`)
    await daemon.docker('logout', host)
    await daemon.forget(`${host}/team/app`)
    await daemon.docker('pull', `${host}/team/app`)
    expect((await daemon.attempt('push', `${host}/team/app`)).code).toBe(1)
  })
})
