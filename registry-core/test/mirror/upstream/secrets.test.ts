import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { answer, challenge, json, openScriptedServer, type ScriptedServer } from '../scripted-server.js'
import { ACCOUNT, ALPINE, closeAll, failureOf, inTime, LATEST, open, settingsFor } from './opened.js'

const MANIFEST = '/v2/library/alpine/manifests/latest'

let server: ScriptedServer
beforeEach(async () => {
  server = await openScriptedServer()
  server.play('/v2/', json({}))
})
afterEach(async () => {
  await closeAll()
  await server.close()
})

describe('row 73: secrets', () => {
  test('stand in no failure and no line of the log', async () => {
    const failures: unknown[] = []
    const wanted = challenge(`${server.url.href}token?key=canary-query`)
    for (const [path, scene] of [
      ['/token', answer(401)],
      ['/token', answer(500)],
      ['/token', json({ token: 'canary token' })],
      ['/token', json({ token: 'canary-token' })],
    ] as const) {
      server.play('/v2/', wanted)
      server.play(MANIFEST, answer(307, { location: 'https://10.0.0.9/?signature=canary-signature' }))
      server.play(path, scene)
      const { upstream: one, lines } = open(
        settingsFor([server.url], {
          credentials: ACCOUNT,
          proxy: { url: new URL('http://user:canary-proxy@127.0.0.1:1'), noProxy: ['127.0.0.0/8'] },
        }),
      )
      failures.push(lines, await failureOf(one.manifest(ALPINE, LATEST, inTime())))
    }
    const proxied = settingsFor([server.url], {
      proxy: { url: new URL('http://user:canary-proxy@127.0.0.1:1'), noProxy: [] },
    })
    failures.push(await failureOf(open(proxied).upstream.manifest(ALPINE, LATEST, inTime())))
    const text = inspect(failures, { depth: 20, showHidden: true })
    expect(text).toContain('UpstreamFailure')
    expect(text).not.toContain('canary')
    expect(text).not.toContain(Buffer.from('me:canary-password').toString('base64'))
  })
})
