import { readFileSync } from 'node:fs'

import { describe, expect, test } from '@jest/globals'

import { makeImage } from '../support/images.js'
import { freePort } from '../support/processes.js'
import { getManifest, pullImage } from './pulls.js'
import { openScene } from './scene.js'

describe('secrets', () => {
  test('stand in no log, answer, metric or process list, whatever goes wrong (attack 73)', async () => {
    const [password, proxyPassword] = ['canary-upstream-3f9c', 'canary-proxy-81de']
    const debug = await freePort()
    const scene = await openScene({
      hosts: {
        'docker.io': {
          upstream: { auth: 'bearer', users: { me: password }, privateRepositories: ['acme'] },
          settings: { username: 'me', password, expose: 'all', freshFor: '0s' },
        },
        'proxied.example': {
          settings: {
            urls: ['http://far.example'],
            proxy: `http://u:${proxyPassword}@127.0.0.1:${await freePort()}`,
          },
        },
      },
      config: {
        log: { level: 'debug', formatter: 'json' },
      },
      http: { debug: { addr: `127.0.0.1:${debug}`, prometheus: { enabled: true } } },
    })
    try {
      const { mirror, registry } = scene.mirror
      const { 'docker.io': hub } = scene.upstreams
      const image = makeImage()
      hub.hold('acme/app', image, 'v1')
      await pullImage(mirror, ['acme/app', 'v1'], image)
      const answers = [await getManifest(registry, 'proxied.example/org/img', 'v1')]
      for (const status of [401, 403, 500]) {
        hub.fail({ times: 3, how: { status } })
        answers.push(
          await getManifest(mirror, 'acme/app', 'v1'),
          await getManifest(mirror, 'acme/none', 'v1'),
        )
      }
      const metrics = await fetch(`http://127.0.0.1:${debug}/metrics`).then((answer) => answer.text())
      const { pid } = scene.mirror.core.process
      const shown = [
        ...answers.map(({ body, headers }) => body.toString() + JSON.stringify(headers)),
        metrics,
        scene.mirror.core.process.log(),
        readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
        readFileSync(`/proc/${pid}/environ`, 'utf8'),
      ].join('\n')
      expect(shown).toContain('acme/app')
      const secrets = [password, proxyPassword, ...hub.tokens.values()]
      const coded = [`me:${password}`, `u:${proxyPassword}`].map((text) =>
        Buffer.from(text).toString('base64'),
      )
      expect(hub.tokens.values().length).toBeGreaterThan(0)
      for (const secret of [...secrets, ...coded]) expect(shown).not.toContain(secret)
    } finally {
      await scene.close()
    }
  })
})
