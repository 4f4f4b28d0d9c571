import { describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { answer, challenge, json } from '../scripted-server.js'
import { ALPINE, LATEST, MANIFEST } from './alpine.js'
import { ACCOUNT, failureOf, inTime, open, settingsFor, useServer } from './opened.js'

const server = useServer()

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
