import { expect, test } from '@jest/globals'

import { makeImage, randomLayer } from '../support/images.js'
import { serve, storeFolder } from './served.js'

const OCTETS = { 'content-type': 'application/octet-stream' }

test('pushes that deletes of the same content cross are acknowledged, or say what is missing: never an error of ours', async () => {
  using store = storeFolder()
  await using first = await serve(store.root)
  await using second = await serve(store.root)
  const clients = [first.client, second.client]
  const statuses = new Set<number>()
  for (let round = 0; round < 40; round += 1) {
    const layer = randomLayer(100)
    const { digest } = layer.descriptor
    const image = makeImage({ layers: 0 })
    await first.client.pushImage('cross/app', image, 'latest')
    const answers = await Promise.all(
      clients.flatMap((client) => [
        client.post(`/v2/cross/app/blobs/uploads/?digest=${digest}`, layer.bytes, OCTETS),
        client.delete(`/v2/cross/app/blobs/${digest}`),
        client.delete(`/v2/cross/app/blobs/${digest}`),
        client.putManifest('cross/app', 'latest', image.manifest),
        client.delete(`/v2/cross/app/manifests/${image.manifest.descriptor.digest}`),
        client.delete('/v2/cross/app/manifests/latest'),
      ]),
    )
    for (const { status } of answers) statuses.add(status)
  }
  expect([...statuses].sort((a, b) => a - b)).toEqual([201, 202, 404])
}, 60_000)
