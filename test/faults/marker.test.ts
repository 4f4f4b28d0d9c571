import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { makeImage } from '../support/images.js'
import { errorOf, serve, storeFolder } from './served.js'

const REPOSITORY = 'marker/app'

describe('a store whose marker is damaged', () => {
  test.each(['', 'garbage', '{"id":1}'])(
    '%j: the start stops with a sentence that names the file',
    async (text) => {
      using store = storeFolder()
      {
        await using first = await serve(store.root)
        expect((await first.client.get('/v2/')).status).toBe(200)
      }
      const marker = path.join(store.root, 'entrepot/store.json')
      writeFileSync(marker, text)
      await expect(serve(store.root)).rejects.toThrow(`${marker} is damaged: restore it`)
    },
    30_000,
  )

  test('a newer format too', async () => {
    using store = storeFolder()
    mkdirSync(path.join(store.root, 'entrepot'))
    const marker = { id: 'x', format: 99, createdAt: '2030-01-01T00:00:00.000Z' }
    writeFileSync(path.join(store.root, 'entrepot/store.json'), JSON.stringify(marker))
    await expect(serve(store.root)).rejects.toThrow('says format 99')
  }, 30_000)
})

describe('a configuration that names the store', () => {
  test('of another id it takes no pushes and no deletes, and says why; pulls go on', async () => {
    using store = storeFolder()
    const image = makeImage()
    let upload = ''
    {
      await using first = await serve(store.root)
      await first.client.pushImage(REPOSITORY, image, 'latest')
      upload = path.basename(await first.client.startUpload(REPOSITORY))
    }
    const id = '00000000-0000-4000-8000-000000000000'
    await using served = await serve(store.root, { config: { store: { id } } })
    const { client } = served
    expect(await client.pullManifest(REPOSITORY, 'latest')).toEqual(image.manifest)
    const push = await client.post(`/v2/${REPOSITORY}/blobs/uploads/`)
    expect([push.status, errorOf(push.body).message]).toEqual([
      503,
      expect.stringMatching(new RegExp(`names the store ${id}, this is .*: is the right disk mounted`)),
    ])
    expect((await client.putManifest(REPOSITORY, 'other', image.manifest)).status).toBe(503)
    const [blob] = image.blobs
    const blobs = `/v2/${REPOSITORY}/blobs`
    for (const target of [
      `/v2/${REPOSITORY}/manifests/latest`,
      `/v2/${REPOSITORY}/manifests/${image.manifest.descriptor.digest}`,
      `${blobs}/${blob?.descriptor.digest}`,
      `${blobs}/uploads/${upload}`,
    ]) {
      const refused = await client.delete(target)
      expect([refused.status, errorOf(refused.body).message]).toEqual([503, expect.stringContaining(id)])
    }
    const mount = `/v2/marker/other/blobs/uploads/?mount=${blob?.descriptor.digest}&from=${REPOSITORY}`
    expect((await client.post(mount)).status).toBe(503)
    for (const { descriptor } of image.blobs) await client.pullBlob(REPOSITORY, descriptor.digest)
    const ready = await client.get('/readyz')
    expect([ready.status, ready.body.toString()]).toEqual([503, expect.stringContaining(id)])
    expect(await client.pullManifest(REPOSITORY, 'latest')).toEqual(image.manifest)
  }, 30_000)

  test('an empty folder is not made a store: the disk may not be mounted', async () => {
    using store = storeFolder()
    const config = { store: { id: '00000000-0000-4000-8000-000000000000' } }
    await using served = await serve(store.root, { config })
    expect((await served.client.post(`/v2/${REPOSITORY}/blobs/uploads/`)).status).toBe(503)
  }, 30_000)
})
