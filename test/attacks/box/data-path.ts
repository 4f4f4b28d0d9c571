import { expect, test } from '@jest/globals'

import type { RunningBox } from '../../box/running-box.js'
import { FakeUpstream } from '../../support/fake-upstream/fake-upstream.js'
import { makeImage } from '../../support/images.js'

const HOSTILE: Readonly<Record<string, string>> = {
  ...{ 'x-accel-redirect': '/_errors/400.json', 'x-accel-limit-rate': '1', 'x-accel-buffering': 'no' },
  ...{ 'set-cookie': 'a=b', 'access-control-allow-origin': '*', location: 'http://evil.example/' },
  ...{
    'www-authenticate': 'Basic realm="evil"',
    'alt-svc': 'h3=":443"',
    'x-entrepot-origin': 'evil',
    refresh: '0;url=http://evil.example/',
  },
}

/** What only a box with an upstream shows. */
export function testDataPath(box: () => RunningBox): void {
  test('no header of an upstream reaches a client, or is obeyed by nginx (attack 22)', async () => {
    const upstream = await FakeUpstream.start()
    const image = makeImage({ layers: 1 })
    upstream.hold('org/img', image, 'v1')
    upstream.fail({ how: { headers: HOSTILE } })
    await box().change('PUT', 'upstreams/hostile.example', {
      ...{ urls: [upstream.url], allowAddresses: ['127.0.0.0/8'] },
    })
    const client = box().client('tls')
    try {
      for (const target of ['manifests/v1', `blobs/${image.blobs[0]?.descriptor.digest}`, 'tags/list']) {
        const answer = await client.get(`/v2/hostile.example/org/img/${target}`)
        expect([target, answer.status]).toEqual([target, 200])
        for (const [name, value] of Object.entries(HOSTILE))
          expect([target, name, answer.header(name)]).not.toEqual([target, name, value])
      }
    } finally {
      await client.close()
      await upstream.close()
      await box().change('DELETE', 'upstreams/hostile.example')
    }
  })
}
