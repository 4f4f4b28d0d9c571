import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { connectTo, freePort } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { RegistryClient } from '../support/registry-client.js'
import { type AppliedBox, makeBox } from './applied-box.js'
import { NEEDS } from './suite.js'

const TOKEN = 'LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0'
const PLACE = '/.well-known/acme-challenge/'

for (const program of await nginxPrograms()) {
  describeNeeding(NEEDS, `the listener for an ACME server (nginx ${program.version})`, () => {
    const made: { box?: AppliedBox; folder?: string; port?: number } = {}

    beforeAll(async () => {
      const box = await makeBox(program)
      made.box = box
      const folder = mkdtempSync(path.join(box.folder, 'challenges-'))
      made.folder = folder
      made.port = await freePort()
      const listener = { kind: 'challenge', address: '127.0.0.1', port: made.port, folder } as const
      await box.apply('1', { front: { listeners: [listener] } })
      await box.start()
      writeFileSync(path.join(folder, TOKEN), `${TOKEN}.thumbprint`)
      writeFileSync(path.join(folder, `${TOKEN}.0a.new`), 'half')
      writeFileSync(path.join(folder, '.hidden'), 'hidden')
      mkdirSync(path.join(folder, 'below'))
      writeFileSync(path.join(folder, 'below', 'secret'), 'secret')
      writeFileSync(path.join(box.folder, 'secret'), 'secret')
    })
    afterAll(async () => made.box?.stop())

    /** Exactly this target, which no client library has put in order. */
    async function ask(target: string, method = 'GET') {
      const socket = await connectTo({ port: made.port ?? 0 })
      const { answers } = await sendRaw(
        socket,
        lines(`${method} ${target} HTTP/1.1`, 'Host: a', 'Connection: close'),
        {
          answers: 1,
          methods: [method],
        },
      )
      const [answer] = answers
      return { status: answer?.status, text: answer?.body.toString() ?? '' }
    }

    test('gives a token its answer, to GET and HEAD', async () => {
      expect(await ask(`${PLACE}${TOKEN}`)).toEqual({ status: 200, text: `${TOKEN}.thumbprint` })
      expect((await ask(`${PLACE}${TOKEN}`, 'HEAD')).status).toBe(200)
      expect((await ask(`${PLACE}${TOKEN}`, 'POST')).status).toBe(405)
    })

    test.each([
      ...['', '.', '..', '../secret', '..%2fsecret', '%2e%2e/secret', '%2e%2e%2fsecret', './below/secret'],
      ...['below/secret', 'below/', '.hidden', `${TOKEN}.0a.new`, `${TOKEN}?a`, `${TOKEN}/`],
      ...[`/${TOKEN}`, `%4c${TOKEN.slice(1)}`, `${TOKEN}%00`, `${TOKEN};a`, 'none', 'a'.repeat(201)],
    ])('answers %j with nothing of its folder', async (rest) => {
      const { status, text } = await ask(`${PLACE}${rest}`)
      expect([400, 404]).toContain(status)
      expect(text).not.toMatch(/secret|hidden|half|thumbprint/)
    })

    test.each([
      '/',
      '/v2/',
      '/api/v1/health',
      '/ca.pem',
      '/.well-known/',
      '/.well-known/acme-challenge',
      '/secret',
    ])('has nothing else: %s', async (target) => {
      expect(await ask(target)).toMatchObject({ status: 404, text: expect.stringContaining('ACME server') })
    })

    test('is gone with the generation that had it', async () => {
      await made.box?.apply('2')
      await expect(connectTo({ port: made.port ?? 0 })).rejects.toThrow(/ECONNREFUSED/)
      rmSync(made.folder ?? '', { recursive: true })
    })
  })

  describeNeeding(
    NEEDS,
    `a plain port of virtual hosts and of an ACME server (nginx ${program.version})`,
    () => {
      const made: { box?: AppliedBox; client?: RegistryClient } = {}
      const host = 'pull.example'

      beforeAll(async () => {
        const box = await makeBox(program)
        made.box = box
        const challenges = path.join(box.folder, 'challenges')
        mkdirSync(challenges)
        writeFileSync(path.join(challenges, TOKEN), `${TOKEN}.thumbprint`)
        writeFileSync(path.join(box.folder, 'secret'), 'secret')
        const port = await freePort()
        const coreSocket = path.join(box.folder, 'run/core-local.sock')
        const virtualHosts = [{ names: [host], view: 'mirror' }] as const
        await box.apply('1', {
          front: {
            listeners: [{ kind: 'http', address: '127.0.0.1', port, coreSocket, virtualHosts, challenges }],
          },
        })
        await box.start()
        made.client = new RegistryClient(`http://127.0.0.1:${port}`)
      })
      afterAll(async () => {
        await made.client?.close()
        await made.box?.stop()
      })

      const client = (): RegistryClient => {
        if (made.client === undefined) throw new Error('it does not run yet')
        return made.client
      }

      test('answers the authority at every name, while clients pull through a virtual host', async () => {
        const { bytes, descriptor } = randomLayer(300_000)
        await client().pushBlob('team/app', { bytes, descriptor })
        const both = async (name: string) => {
          const [answer, pulled] = await Promise.all([
            client().get(`${PLACE}${TOKEN}`, { host: name }),
            client().get(`/v2/team/app/blobs/${descriptor.digest}`, { host }),
          ])
          return [answer.status, answer.body.toString(), pulled.status, pulled.body.equals(bytes)]
        }
        for (const name of [host, 'box.example', '127.0.0.1'])
          expect(await both(name)).toEqual([200, `${TOKEN}.thumbprint`, 200, true])
      })

      test.each(['', '..%2fsecret', `${TOKEN}?a`, `%4c${TOKEN.slice(1)}`, 'none'])(
        'answers %j with nothing of its folder',
        async (rest) => {
          for (const name of [host, 'box.example']) {
            const answer = await client().get(`${PLACE}${rest}`, { host: name })
            expect([400, 404]).toContain(answer.status)
            expect(answer.body.toString()).not.toMatch(/^secret$|thumbprint/)
          }
        },
      )
    },
  )
}
