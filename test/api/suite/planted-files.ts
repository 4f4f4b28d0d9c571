import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { expect } from '@jest/globals'

import { type Content, makeImage, randomLayer } from '../../support/images.js'
import { runToEnd } from '../../support/processes.js'
import { lines } from '../../support/raw-http.js'
import { check, type Subject } from './check.js'
import { expectRaw } from './expect-answer.js'

const SECRET = 'a secret outside of the store'

/** Distribution's place for the bytes of a digest. */
function dataFile({ target }: Subject, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return path.join(target.root, 'docker/registry/v2/blobs', algorithm, hex.slice(0, 2), hex, 'data')
}

interface Planted {
  readonly name: string
  readonly layer: Content
  readonly secret: string
  readonly file: string
}

/** Pushes a layer, then puts something else where its bytes were; `secret` is a file outside of the store. */
async function planted(
  subject: Subject,
  plant: (file: string, secret: string) => void | Promise<void>,
): Promise<Planted> {
  const name = subject.repository()
  const layer = randomLayer(500)
  await subject.client.pushBlob(name, layer)
  const folder = path.join(path.dirname(subject.target.configFile), 'outside')
  mkdirSync(folder, { recursive: true })
  const secret = path.join(folder, layer.descriptor.digest.slice(7))
  writeFileSync(secret, SECRET)
  const file = dataFile(subject, layer.descriptor.digest)
  rmSync(file)
  await plant(file, secret)
  return { name, layer, secret, file }
}

/** Throws unless the blob is absent to every reader, and a push heals it without touching what was planted. */
async function expectAbsentAndHealed(
  subject: Subject,
  { name, layer, secret, file }: Planted,
): Promise<void> {
  try {
    const target = `/v2/${name}/blobs/${layer.descriptor.digest}`
    for (const method of ['GET', 'HEAD']) {
      const request = lines(`${method} ${target} HTTP/1.1`, 'Host: r', 'Connection: close')
      expectRaw(await subject.raw(request, { methods: [method], answers: 1, waitMs: 3000 }), 404)
    }
    await subject.client.pushBlob(name, layer)
    expect(await subject.client.pullBlob(name, layer.descriptor.digest)).toEqual(layer.bytes)
    expect(readFileSync(secret, 'utf8')).toBe(SECRET)
  } finally {
    rmSync(file, { force: true })
    writeFileSync(file, layer.bytes)
  }
}

/** What somebody put into the store by hand. */
export const plantedFileChecks = [
  check(['attack 78'], 'a symbolic link in place of a blob is not followed', async (subject) => {
    await expectAbsentAndHealed(subject, await planted(subject, (file, secret) => symlinkSync(secret, file)))
  }),
  check(['attack 78'], 'a FIFO in place of a blob is not waited for', async (subject) => {
    const plant = async (file: string): Promise<void> => void (await runToEnd('mkfifo', [file]))
    await expectAbsentAndHealed(subject, await planted(subject, plant))
  }),
  check(
    ['attack 78'],
    'a hard link in place of a blob is replaced by a push, never written through',
    async (subject) => {
      const { name, layer, secret, file } = await planted(subject, (data, outside) => linkSync(outside, data))
      try {
        await subject.client.pushBlob(name, layer)
        expect(await subject.client.pullBlob(name, layer.descriptor.digest)).toEqual(layer.bytes)
        expect(readFileSync(secret, 'utf8')).toBe(SECRET)
      } finally {
        rmSync(file, { force: true })
        writeFileSync(file, layer.bytes)
      }
    },
  ),
  check(['attack 78'], 'a symbolic link in place of a manifest is not followed', async (subject) => {
    const name = subject.repository()
    const image = makeImage()
    const { digest } = await subject.client.pushImage(name, image, 'latest')
    const file = dataFile(subject, digest)
    rmSync(file)
    symlinkSync('/etc/hostname', file)
    try {
      for (const reference of ['latest', digest]) {
        const request = lines(`GET /v2/${name}/manifests/${reference} HTTP/1.1`, 'Host: r', 'Accept: */*')
        expectRaw(await subject.raw(request, { answers: 1 }), 404)
      }
      await subject.client.pushManifest(name, image.manifest, 'latest')
      expect(await subject.client.pullManifest(name, 'latest')).toEqual(image.manifest)
    } finally {
      rmSync(file, { force: true })
      writeFileSync(file, image.manifest.bytes)
    }
  }),
]
