import { beforeAll, describe, expect, test } from '@jest/globals'

import { makeImage } from '../support/images.js'
import { expectStatus } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024

describe('a mirror that starts again', () => {
  const scene = useScene({ hosts: { [HUB]: { settings: { freshFor: '1h' } } } })

  test.each(['by kill -9', 'in order'] as const)(
    'after it was ended %s goes on with a download where it stood, and gives the right bytes',
    async (how) => {
      const { [HUB]: hub } = scene.upstreams
      const repository = `restart/${how.replaceAll(/\W/g, '')}`
      const image = makeImage({ layers: 1, layerSizeBytes: 8 * MIB })
      hub.hold(repository, image, 'v1')
      expectStatus(await getManifest(scene.mirror.mirror, repository, 'v1'), 200)
      const digest = image.blobs[1]?.descriptor.digest ?? ''
      const mend = hub.fail({ on: 'blob', how: { stallAfter: 6 * MIB } })
      const client = await download(scene.mirror.mirrorPort, `/v2/${repository}/blobs/${digest}`)
      await client.until(5 * MIB)
      if (how === 'in order') client.leave() // it would be waited for
      await scene.mirror.restart(how)
      expect(await client.ended).toBe('broken')
      mend()
      hub.requests = []
      await pullImage(scene.mirror.connect(), [repository, 'v1'], image)
      const ranges = hub.requests.filter(({ reference }) => reference === digest).map(({ range }) => range)
      expect(ranges).toHaveLength(1)
      const first = Number(/^bytes=(\d+)-$/.exec(ranges[0] ?? '')?.[1])
      expect(first).toBeGreaterThan(4 * MIB)
      expect(first).toBeLessThanOrEqual(6 * MIB)
    },
  )

  test('has what it had, and asks for nothing', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage()
    hub.hold('restart/kept', image, 'v1')
    await pullImage(scene.mirror.connect(), ['restart/kept', 'v1'], image)
    await scene.mirror.restart('by kill -9')
    hub.requests = []
    await pullImage(scene.mirror.connect(), ['restart/kept', 'v1'], image)
    expect(hub.requests).toEqual([])
  })

  describe('while its upstream is down', () => {
    const image = makeImage()
    beforeAll(async () => {
      const { [HUB]: hub } = scene.upstreams
      hub.hold('restart/down', image, 'v1')
      await pullImage(scene.mirror.connect(), ['restart/down', 'v1'], image)
      await hub.down()
      await scene.mirror.restart()
    })

    test('answers for the API, and serves what it has', async () => {
      const client = scene.mirror.connect()
      expect((await client.get('/v2/')).status).toBe(200)
      await pullImage(client, ['restart/down', 'v1'], image)
    })

    test('fetches again as soon as the upstream is back', async () => {
      const { [HUB]: hub } = scene.upstreams
      const other = makeImage()
      hub.hold('restart/later', other, 'v1')
      await hub.up()
      await pullImage(scene.mirror.connect(), ['restart/later', 'v1'], other)
    })
  })
})
