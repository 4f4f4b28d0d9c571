import { readdirSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { BoxDocker, KINDS } from './box-docker.js'
import { type Login, RunningBox } from './running-box.js'

const MIB = 1024 * 1024

/** Setup D: the box alone, behind its own nginx, and dockerds that have its CA and a name for it. */
describe('a box and its dockerds', () => {
  let state: StateFolder
  let box: RunningBox
  let hub: FakeUpstream
  let reader: Login
  const dockers = new Map<string, BoxDocker>()

  beforeAll(async () => {
    state = new StateFolder()
    hub = await FakeUpstream.start()
    box = await RunningBox.open(state.join('box'))
    reader = await box.addAccount('reader', { repositories: ['**'], actions: ['pull'] })
    await box.change('PUT', 'upstreams/docker.io', { urls: [hub.url], allowAddresses: ['127.0.0.0/8'] })
    for (const kind of KINDS) dockers.set(kind.title, await BoxDocker.start(state, box, kind))
  })
  afterAll(async () => {
    await box.stop()
    await state.destroy()
    await hub.close()
  })

  function dockerOf(title: string): BoxDocker {
    const docker = dockers.get(title)
    if (docker === undefined) throw new Error(`${title} does not run`)
    return docker
  }

  /** Uploads that have begun and not ended. */
  function sessions(): readonly string[] {
    return readdirSync(path.join(box.store, 'entrepot/uploads'))
  }

  test('a Docker before 1.6 is refused in words', async () => {
    const client = box.client('tls')
    const answer = await client.get('/v2/', { 'user-agent': 'docker/1.5.0 go/go1.3.3 os/linux' })
    await client.close()
    expect(answer.status).toBe(404)
    expect(answer.body.toString()).toContain('allowed is Docker 1.6 or newer')
  })

  test('the API answers on its own port only, and nothing else does there', async () => {
    const statuses = await Promise.all(
      (['admin', 'tls', 'mirrorTls'] as const).map(async (port) => {
        const client = box.client(port)
        const [health, ping] = [await client.get('/api/v1/health'), await client.get('/v2/')]
        await client.close()
        return [port, health.status, ping.status]
      }),
    )
    expect(statuses).toEqual([
      ['admin', 401, 404],
      ['tls', 404, 401],
      ['mirrorTls', 404, 200],
    ])
  })

  describe.each(KINDS)('$title', ({ title }) => {
    test('the account of the first start logs in and pushes, and another one only pulls', async () => {
      const docker = dockerOf(title)
      const [reference, { prints }] = await docker.make('app')
      await docker.logIn(box.account)
      await docker.daemon.push(reference)
      await docker.logIn(reader)
      expect(await docker.pullAndRun(reference)).toBe(prints)
      expect(await docker.refusedPush(reference)).toContain(`you may not push ${docker.prefix}/app-refused`)
    })

    test('who has not logged in pulls, and is told to log in when pushing', async () => {
      const docker = dockerOf(title)
      const [reference, { prints }] = await docker.make('open')
      await docker.logIn(box.account)
      await docker.daemon.push(reference)
      await docker.logOut()
      expect(await docker.pullAndRun(reference)).toBe(prints)
      expect(await docker.refusedPush(reference)).toContain('you must log in')
    })

    test('the limit is raised while a push of many layers runs, and no transfer is cut', async () => {
      const docker = dockerOf(title)
      const [reference, { prints }] = await docker.make('many', { layers: 16, layerBytes: 2 * MIB })
      await docker.logIn(box.account)
      await box.change('PATCH', 'settings/nginx', { maxUploadSize: '64m' })
      await docker.slowDown('40mbit')
      const before = sessions()
      let hasEnded = false
      const pushing = docker.daemon.attempt('push', reference).finally(() => {
        hasEnded = true
      })
      await eventually('a layer is on its way', () => sessions().some((name) => !before.includes(name)))
      await box.change('PATCH', 'settings/nginx', { maxUploadSize: '128m' })
      expect(hasEnded).toBe(false)
      await docker.slowDown()
      const pushed = await pushing
      expect(pushed).toMatchObject({ code: 0, output: expect.not.stringContaining('Retrying') })
      expect(await docker.pullAndRun(reference)).toBe(prints)
      expect(await box.change('GET', 'settings/nginx')).toMatchObject({ maxUploadSize: '128m' })
    })

    test('plain names come through the mirror by https, from an upstream that the API added', async () => {
      const docker = dockerOf(title)
      const [name, repository] = [`${docker.prefix}:1`, `library/${docker.prefix}`]
      const held = holdImage(hub, repository, { state, seed: repository, layers: 2, layerBytes: 100_000 })
      expect(await docker.pullAndRun(name)).toBe(held.prints)
      expect(hub.count({ repository })).toBeGreaterThan(0)
      await hub.down()
      expect(await docker.pullAndRun(name)).toBe(held.prints)
      await hub.up()
    })
  })

  // The graph driver tries five times, for a minute: one of them is enough.
  describe.each([KINDS[0], KINDS[2]])('$title', ({ title }) => {
    test('a layer beyond the limit is refused in words that name the limit and its setting', async () => {
      const docker = dockerOf(title)
      const [reference, { prints }] = await docker.make('large', { layers: 1, layerBytes: 3 * MIB })
      await docker.logIn(box.account)
      await box.change('PATCH', 'settings/nginx', { maxUploadSize: '1m' })
      const refused = await docker.daemon.attempt('push', reference)
      expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('1m') })
      expect(refused.output).toContain('maxUploadSize')
      await box.change('PATCH', 'settings/nginx', { maxUploadSize: null })
      await docker.daemon.push(reference)
      expect(await docker.pullAndRun(reference)).toBe(prints)
    })
  })
})
