import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'

import { startCoreBehindNginx } from '../support/behind-nginx.js'
import { makeImage, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'
import { isName, isTag, nearlyNames, nearlyTags } from './properties/grammar-model.js'
import { expectedOf, parts, textOf } from './properties/range-model.js'
import { RegistryModel } from './properties/registry-model.js'
import { makePool, registrySteps } from './properties/registry-steps.js'
import { parameters } from './properties/seed.js'
import { UploadModel } from './properties/upload-model.js'
import { steps } from './properties/upload-steps.js'
import { expectError, expectHeader } from './suite/expect-answer.js'
import { followPages } from './suite/pages.js'
import { readTags } from './suite/read.js'

/** Every property, against one kind of registry. */
function properties(start: () => Promise<Target>): void {
  let target: Target
  let client: RegistryClient
  beforeAll(async () => {
    target = await start()
    client = new RegistryClient(target.baseUrl)
  }, 60_000)
  afterAll(async () => {
    await client.close()
    await target.remove()
  }, 60_000)

  test('an upload does what its model does, whatever is asked of it in whatever order', async () => {
    const property = fc.asyncProperty(steps, async (list) => {
      const model = await UploadModel.start(client, 'properties/uploads')
      for (const step of list) await model.take(step)
      await model.finish()
    })
    await fc.assert(property, parameters(100))
  }, 120_000)

  test('two repositories hold what was pushed and not deleted, each its own', async () => {
    let run = 0
    const property = fc.asyncProperty(registrySteps, async (list) => {
      run += 1
      const names = [`properties/run${run}/here`, `properties/run${run}/there`]
      const model = new RegistryModel(client, makePool(), names)
      for (const step of list) await model.take(step)
      await model.finish()
    })
    await fc.assert(property, parameters(50))
  }, 120_000)

  test('a Range gets exactly the part that the RFC names', async () => {
    const blobs = await Promise.all(
      [0, 1, 2, 100, 70_001].map(async (size) => {
        const layer = randomLayer(size)
        await client.pushBlob('properties/ranges', layer)
        return layer
      }),
    )
    const asked = fc
      .constantFrom(...blobs)
      .chain((blob) => fc.record({ blob: fc.constant(blob), list: parts(blob.bytes.length) }))
    const property = fc.asyncProperty(asked, async ({ blob: { bytes, descriptor }, list }) => {
      const expected = expectedOf(list, bytes.length)
      const range = `bytes=${list.map(textOf).join(', ')}`
      const answer = await client.get(`/v2/properties/ranges/blobs/${descriptor.digest}`, { range })
      if (typeof expected === 'string') {
        expectStatus(answer, 416)
        expectHeader(answer, 'content-range', `bytes */${bytes.length}`)
        return
      }
      expectStatus(answer, 206)
      expectHeader(answer, 'content-range', `bytes ${expected.first}-${expected.last}/${bytes.length}`)
      expect(answer.body.equals(bytes.subarray(expected.first, expected.last + 1))).toBe(true)
    })
    await fc.assert(property, parameters(400))
  }, 120_000)

  test('pages of tags are cut from one sorted list, wherever they begin', async () => {
    const image = makeImage({ layers: 0 })
    await client.pushImage('properties/tags', image)
    const tag = fc.stringMatching(/^[a-c0-1A-B_][a-c0-1A-B._-]{0,3}$/)
    const digest = image.manifest.descriptor.digest
    const { seed } = parameters(1)
    const all = fc.sample(fc.uniqueArray(tag, { minLength: 64, maxLength: 64 }), { seed, numRuns: 1 }).flat()
    for (const some of [all.slice(0, 32), all.slice(32)]) {
      const query = `?${some.map((one) => `tag=${one}`).join('&')}`
      expectStatus(await client.putManifest('properties/tags', digest, image.manifest, query), 201)
    }
    const sorted = [...all].sort()
    const asked = fc.record({
      n: fc.option(fc.nat({ max: 70 })),
      last: fc.option(fc.oneof(tag, fc.constantFrom(...all))),
    })
    const property = fc.asyncProperty(asked, async ({ n, last }) => {
      const query = [n === null ? [] : [`n=${n}`], last === null ? [] : [`last=${last}`]].flat().join('&')
      const rest = sorted.filter((one) => last === null || one > last)
      const page = expectStatus(await client.get(`/v2/properties/tags/tags/list?${query}`), 200)
      expect(readTags(page)).toEqual(rest.slice(0, n ?? rest.length))
      const pages = await followPages(client, `/v2/properties/tags/tags/list?${query}`)
      expect(pages.flatMap(readTags)).toEqual(n === 0 ? [] : rest)
    })
    await fc.assert(property, parameters(100))
  }, 120_000)

  test('a name or tag is known to be unknown when the grammar has it, and refused when not', async () => {
    const name = fc.asyncProperty(nearlyNames, async (text) => {
      const answer = await client.get(`/v2/${text}/tags/list`)
      if (isName(text)) expectError(answer, 404, 'NAME_UNKNOWN')
      else expectError(answer, 400, 'NAME_INVALID')
    })
    await fc.assert(name, parameters(400))
    const tag = fc.asyncProperty(nearlyTags, async (text) => {
      const answer = await client.get(`/v2/properties/none/manifests/${text}`)
      if (isTag(text)) expectError(answer, 404, 'MANIFEST_UNKNOWN')
      else expectError(answer, [400, 404])
    })
    await fc.assert(tag, parameters(400))
  }, 120_000)
}

describe('registry-core', () => properties(startCore))

describeNeeding([{ program: 'nginx', debianPackage: 'nginx-light' }], 'registry-core behind nginx', () =>
  properties(startCoreBehindNginx),
)
