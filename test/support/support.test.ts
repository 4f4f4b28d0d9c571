import { mkdirSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { eligibleBlobs, forecastCollection, parseForecast } from './distribution.js'
import { makeImage, makeIndex, randomLayer } from './images.js'
import { describeNeeding } from './needs.js'
import { lines, parseAnswers, sendRaw } from './raw-http.js'
import { RegistryClient, type UploadStyle } from './registry-client.js'
import { startDockerRegistry, type Target } from './targets.js'

test('answers are read from the wire one by one, with chunks, without, and around a 100 Continue', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 100 Continue\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab' +
      'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot whole',
  )
  expect(parseAnswers(bytes, []).map(({ status, body }) => [status, body.toString()])).toEqual([
    [200, 'ab'],
    [404, 'abc'],
    [200, 'not whole'],
  ])
  expect(parseAnswers(bytes.subarray(0, -1), []).map(({ status }) => status)).toEqual([200, 404])
})

test('a forecast whose counts do not fit its list is refused', () => {
  expect(() => parseForecast('\n3 blobs marked, 1 blobs and 0 manifests eligible for deletion\n')).toThrow(
    'names 0',
  )
  expect(() => parseForecast('')).toThrow('no counts')
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'against docker-registry',
  () => {
    let target: Target
    let client: RegistryClient
    beforeAll(async () => {
      target = await startDockerRegistry()
      mkdirSync(path.join(target.root, 'docker/registry/v2/repositories'), { recursive: true })
      client = new RegistryClient(target.baseUrl)
    })
    afterAll(async () => {
      await client.close()
      await target.remove()
    })

    test('each style of upload makes a blob that can be pulled', async () => {
      const styles: readonly UploadStyle[] = ['post-put', 'single-post', 'chunks', 'stream']
      for (const style of styles) {
        const layer = randomLayer(100_000)
        await client.pushBlob('support/styles', layer, { style })
        expect(await client.pullBlob('support/styles', layer.descriptor.digest)).toEqual(layer.bytes)
      }
    })

    test('the collector would delete exactly the blobs that no manifest refers to', async () => {
      const orphans = await eligibleBlobs(target.root)
      const image = makeImage()
      const index = makeIndex([image.manifest])
      await client.pushImage('support/collected', image)
      await client.pushManifest('support/collected', index, 'latest')
      const stray = await client.pushBlob('support/collected', randomLayer())
      const forecast = await forecastCollection(target.root)
      expect([...forecast.eligibleBlobs].sort()).toEqual([...orphans, stray.digest].sort())
      expect(forecast.markedBlobs).toContain(index.descriptor.digest)
      expect(await client.pullManifest('support/collected', 'latest')).toEqual(index)
    })

    test('a raw connection carries requests as they were written', async () => {
      const request =
        lines('GET /v2/ HTTP/1.1', 'Host: registry') + lines('HEAD /v2/ HTTP/1.1', 'Host: registry')
      const exchange = await sendRaw(await target.rawConnect(), request, {
        methods: ['GET', 'HEAD'],
        answers: 2,
      })
      expect(exchange.answers.map(({ status }) => status)).toEqual([200, 200])
    })
  },
)
