import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { applyGeneration } from '#control/front/applying/apply-generation.js'
import { findDrift } from '#control/front/applying/generation-files.js'
import { findGeneration, generationFolder } from '#control/front/applying/apply-places.js'
import { systemClock } from '#control/system/clock.js'
import { signCertificate } from '../support/certificates.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { freePort } from '../support/processes.js'
import { type AppliedBox, makeBox } from './applied-box.js'
import { NEEDS } from './suite.js'

/** Whoever starts one of them fails. */
const NO_PROGRAMS = { nginx: '/nowhere/nginx', registryCore: '/nowhere/registry-core' }

for (const program of await nginxPrograms()) {
  describeNeeding(NEEDS, `a change of the configuration (nginx ${program.version})`, () => {
    const made: { box?: AppliedBox } = {}
    const box = (): AppliedBox => {
      if (!made.box) throw new Error('the box is not there yet')
      return made.box
    }

    beforeAll(async () => {
      made.box = await makeBox(program)
    })
    afterAll(() => made.box?.stop())

    async function inForce(): Promise<readonly (string | undefined)[]> {
      return [
        await box().running(),
        await findGeneration(box().places, 'current'),
        await findGeneration(box().places, 'applied'),
      ]
    }

    test('before nginx runs the first one is tested, and waits for its start', async () => {
      expect(await box().apply('1')).toEqual({ outcome: 'applied', isProved: false, needsRestart: [] })
      await box().start()
      expect(await inForce()).toEqual(['1', '1', '1'])
    })

    test('is in force when every listener has answered through it', async () => {
      const applied = await box().apply('2', { front: { maxUploadSize: '1m' } })
      expect(applied).toEqual({ outcome: 'applied', isProved: true, needsRestart: [] })
      expect(await inForce()).toEqual(['2', '2', '2'])
      const refused = await fetch(`http://127.0.0.1:${box().ports.local}/v2/a/blobs/uploads/x`, {
        method: 'PUT',
        body: Buffer.alloc(1024 * 1024 + 1),
      })
      expect(refused.status).toBe(413)
    })

    test('reaches the core too, without a restart', async () => {
      const sockets = ['core', 'core-local'].map((name) => ({
        socket: path.join(box().folder, `run/${name}.sock`),
        anonymous: 'none' as const,
      }))
      const wanted = { front: { maxUploadSize: '1m' }, registry: { sockets } }
      expect(await box().apply('3', wanted)).toMatchObject({ outcome: 'applied' })
      const url = `http://127.0.0.1:${box().ports.local}/v2/`
      expect((await fetch(url)).status).toBe(403)
      // nginx is left alone with what is the core's, and its generation stays there for it.
      expect(await inForce()).toEqual(['2', '3', '3'])
      expect(await box().apply('4')).toMatchObject({ outcome: 'applied' })
      expect((await fetch(url)).status).toBe(200)
      expect(await inForce()).toEqual(['4', '4', '4'])
    })

    test('is refused by nginx in its words when a certificate is gone', async () => {
      const gone = await signCertificate(box().folder, 'gone', box().certificates, ['IP:127.0.0.1'])
      const candidate = {
        listeners: [{ kind: 'tls', address: '127.0.0.1', port: box().ports.tls, ...gone }] as const,
      }
      rmSync(gone.certificate)
      const applied = await box().apply('gone', { front: candidate })
      expect(applied).toMatchObject({ outcome: 'refused', stage: 'nginx' })
      expect(applied).toHaveProperty('reason', expect.stringContaining(gone.certificate))
      expect(await inForce()).toEqual(['4', '4', '4'])
    })

    test('is refused by the core in its words, by the one that runs and by its program', async () => {
      const candidate = box().candidate('core')
      const files = candidate.files.map((file) =>
        file.path === 'registry.yml' ? { ...file, text: file.text.replace('pull', 'nothing') } : file,
      )
      const { places, programs } = box()
      const controlSocket = path.join(box().folder, 'run/nobody.sock')
      for (const options of [
        { places, programs: NO_PROGRAMS },
        { places: { ...places, controlSocket }, programs },
      ])
        expect(await applyGeneration({ ...candidate, files }, { ...options, clock: systemClock })).toEqual({
          outcome: 'refused',
          stage: 'core',
          reason: 'registry.yml: listeners[0].anonymous is "nothing"; allowed is one of push, pull, none',
        })
      expect(await inForce()).toEqual(['4', '4', '4'])
    })

    test("starts neither nginx nor the core when it is the core's alone", async () => {
      const applied = await box().apply('alone', { registry: { deletes: false } }, NO_PROGRAMS)
      expect(applied).toMatchObject({ outcome: 'applied', isProved: true })
      expect(await inForce()).toEqual(['4', 'alone', 'alone'])
      expect(await box().apply('4')).toMatchObject({ outcome: 'applied' })
      expect(await inForce()).toEqual(['4', '4', '4'])
    })

    test('is taken back within five seconds when nginx cannot have a port', async () => {
      const taken = net.createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const { port } = taken.address() as net.AddressInfo
      const started = performance.now()
      const listeners = [
        { kind: 'http', address: '127.0.0.1', port: box().ports.local },
        { kind: 'http', address: '127.0.0.1', port },
      ] as const
      const applied = await box().apply('taken', { front: { listeners } })
      expect(performance.now() - started).toBeLessThan(5000)
      expect(applied).toMatchObject({ outcome: 'refused', stage: 'nginx' })
      expect(applied).toHaveProperty(
        'reason',
        expect.stringMatching(`${port} failed .*Address already in use`),
      )
      taken.close()
      expect(await inForce()).toEqual(['4', '4', '4'])
      expect((await fetch(`http://127.0.0.1:${box().ports.mirror}/v2/`)).status).toBe(200)
    })

    test('is taken back within five seconds when a listener does not answer as it must', async () => {
      const listeners = [
        {
          kind: 'http',
          address: '127.0.0.1',
          port: await freePort(),
          coreSocket: path.join(box().folder, 'run/nobody.sock'),
        },
      ] as const
      const started = performance.now()
      const applied = await box().apply('silent', { front: { listeners } })
      expect(performance.now() - started).toBeLessThan(5000)
      expect(applied).toMatchObject({ outcome: 'refused', stage: 'probe' })
      expect(applied).toHaveProperty('reason', expect.stringContaining('answers /v2/ with 502'))
      expect(await inForce()).toEqual(['4', '4', '4'])
      expect((await fetch(`http://127.0.0.1:${box().ports.local}/v2/`)).status).toBe(200)
    })

    test('a file that somebody edited is seen', async () => {
      expect(await findDrift(box().places, '4')).toEqual([])
      const folder = generationFolder(box().places, '4')
      writeFileSync(path.join(folder, 'nginx.conf'), 'events {}')
      rmSync(path.join(folder, 'errors/400.json'))
      writeFileSync(path.join(folder, 'more'), '')
      expect(await findDrift(box().places, '4')).toEqual([
        { path: 'nginx.conf', what: 'changed' },
        { path: 'errors/400.json', what: 'missing' },
        { path: 'more', what: 'added' },
      ])
      // Also by the next change, which nginx would not need otherwise.
      expect(await box().apply('5')).toMatchObject({ outcome: 'applied' })
      expect(await inForce()).toEqual(['5', '5', '5'])
      expect(await findDrift(box().places, '5')).toEqual([])
    })

    test('what nobody goes back to any more is removed, but for the newest and those that are named', async () => {
      const kept = { newest: 1, named: ['2'] }
      const { places, programs } = box()
      const options = { places, programs, clock: systemClock, kept }
      // Alone the core's: nginx goes on with the generation before.
      const registry = { deletes: false }
      const applied = await applyGeneration(box().candidate('6', { registry }), options)
      expect(applied).toMatchObject({ outcome: 'applied' })
      expect(readdirSync(path.join(places.config, 'generations')).toSorted()).toEqual(['2', '5', '6'])
    })

    test('nginx that was killed starts again where its sockets are left', async () => {
      const { nginx } = box()
      // Its workers go on without it, and would keep the ports.
      const file = `/proc/${nginx.pid}/task/${nginx.pid}/children`
      const workers = readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number)
      for (const pid of [nginx.pid, ...workers]) process.kill(pid, 'SIGKILL')
      await nginx.ended
      expect(existsSync(box().places.generationSocket)).toBe(true)
      await box().startNginx()
      expect(await inForce()).toEqual(['6', '6', '6'])
    })
  })
}
