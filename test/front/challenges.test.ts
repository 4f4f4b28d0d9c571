import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { connectTo, freePort } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
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
}
