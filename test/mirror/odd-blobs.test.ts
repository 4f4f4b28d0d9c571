import { describe, expect, test } from '@jest/globals'

import { makeImage } from '../support/images.js'
import { expectStatus } from '../support/registry-client.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'

describe('a blob of which something longer came before', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })

  test('comes when the upstream is right again, although it cannot go on from there', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage({ layers: 1, layerSizeBytes: 300_000 })
    hub.hold('part/of', image, 'v1')
    expectStatus(await getManifest(scene.mirror.mirror, 'part/of', 'v1'), 200)
    const target = `/v2/part/of/blobs/${image.blobs[1]?.descriptor.digest}`
    const raw = `HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(500_000)}`
    const right = hub.fail({ on: 'blob', how: { raw } })
    const status = await scene.mirror.mirror.get(target).then(
      (answer) => answer.status,
      () => 'broken',
    )
    expect(status).toBe('broken')
    right()
    expectStatus(await scene.mirror.mirror.get(target), 404) // it is found out that the part is of no use
    const { body } = expectStatus(await scene.mirror.mirror.get(target), 200)
    expect(body.equals(image.blobs[1]?.bytes ?? Buffer.alloc(0))).toBe(true)
  }, 30_000)
})

describe('a blob about as long as what is held back', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })

  test.each([0, 1, 65_535, 65_536, 65_537, 131_072])(
    'of %s bytes comes whole, whether its length is said or not',
    async (size) => {
      const { [HUB]: hub } = scene.upstreams
      for (const how of ['no-length', undefined] as const) {
        const image = makeImage({ layers: 1, layerSizeBytes: size })
        const name = `size/s${size}${how ?? ''}`
        hub.hold(name, image, 'v1')
        const heal = how && hub.fail({ on: 'blob', how })
        await pullImage(scene.mirror.mirror, [name, 'v1'], image)
        heal?.()
      }
    },
  )

  test('is another repository’s too, although the upstream does not say how long it is', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage({ layers: 1 })
    for (const name of ['shared/one', 'shared/two']) hub.hold(name, image, 'v1')
    hub.fail({ on: 'blob', how: 'no-length' })
    for (const name of ['shared/one', 'shared/two']) await pullImage(scene.mirror.mirror, [name, 'v1'], image)
    hub.heal()
  })
})
