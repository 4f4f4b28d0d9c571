import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import { digestOfBytes, digestsIn } from '#core/oci/digest.js'
import { OCI_INDEX } from '#core/oci/media-type.js'
import { ManifestCache } from '#core/registry/manifest-cache.js'

const MIB = 1024 * 1024

function indexOf(name: string, sizeBytes: number): Buffer {
  const annotations = { name, padding: 'x'.repeat(sizeBytes) }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], annotations }))
}

/** Long texts lie outside the heap. */
function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('digests that were found in a text do not keep the text in memory', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const digest = digestOfBytes('sha256', Buffer.from('x'))
  collectGarbage()
  const before = usedBytes()
  const found = Array.from({ length: 40 }, () =>
    digestsIn(Buffer.from(`${digest} ${randomUUID()} ${'x'.repeat(MIB)}`).toString('latin1')),
  )
  collectGarbage()
  expect(found.every((set) => set.has(digest))).toBe(true)
  expect(usedBytes() - before).toBeLessThan(10 * MIB)
})

test('the meaning of manifests is kept while their sources together have 32 MiB, the last used longest', () => {
  const cache = new ManifestCache()
  const sources = Array.from({ length: 12 }, (_, number) => indexOf(String(number), 4 * MIB))
  const digests = sources.map((bytes) => digestOfBytes('sha256', bytes))
  const parse = (number: number): unknown =>
    cache.find(
      digests[number] ?? digestOfBytes('sha256', Buffer.alloc(0)),
      sources[number] ?? Buffer.alloc(0),
    )
  const first = parse(0)
  const second = parse(1)
  for (let number = 2; number < sources.length; number += 1) {
    parse(number)
    expect(parse(0)).toBe(first)
  }
  expect(parse(1)).not.toBe(second)
})
