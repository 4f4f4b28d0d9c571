import { createHash } from 'node:crypto'

import { expect, test } from '@jest/globals'

import { makeProbeImage } from './probe-image.js'

test('each platform has a manifest, each manifest its config and the layer, and all digests are right', async () => {
  const { blobs, manifests, index } = await makeProbeImage('one')
  const held = new Map([...blobs, ...manifests, index].map(({ digest, bytes }) => [digest, bytes]))
  for (const [digest, bytes] of held)
    expect(digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  const children = (JSON.parse(index.bytes.toString()) as { manifests: { digest: string }[] }).manifests
  expect(children.map(({ digest }) => digest)).toEqual(manifests.map(({ digest }) => digest))
  expect(new Set(children.map(({ digest }) => digest)).size).toBe(children.length)
  const named = manifests.flatMap(({ bytes }) => [...bytes.toString().matchAll(/"digest":"([^"]+)"/g)])
  expect(named.filter(([, digest = '']) => !held.has(digest))).toEqual([])
})

test('another box has other digests', async () => {
  const [one, other] = [await makeProbeImage('one'), await makeProbeImage('other')]
  expect(one.index.digest).not.toBe(other.index.digest)
  expect((await makeProbeImage('one')).index.digest).toBe(one.index.digest)
})
