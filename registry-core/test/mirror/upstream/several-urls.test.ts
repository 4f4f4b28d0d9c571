import { describe, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { answer, manifest, openScriptedServer } from '../scripted-server.js'
import { ALPINE, BYTES, DIGEST, LATEST, MANIFEST, OTHER } from './alpine.js'
import { bytesOf, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BLOB = Buffer.alloc(200_000, 'x')
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`

const server = useServer()

function upstream(urls: readonly URL[]) {
  return open(settingsFor(urls)).upstream
}

describe('several URLs', () => {
  const second = useServer({
    playFirst({ play }) {
      play(MANIFEST, manifest(BYTES))
      play(BLOB_PATH, answer(200, {}, BLOB))
    },
  })

  test.each([
    ['fails', answer(502)],
    ['has had enough', answer(429)],
    ['shows a page', answer(200, { 'content-type': 'text/html' }, '<html>')],
    ['lies', manifest(BYTES, { 'docker-content-digest': OTHER })],
  ])('the next one is asked when the first %s', async (_, scene) => {
    server.play(MANIFEST, scene)
    const found = await upstream([server.url, second.url]).manifest(ALPINE, LATEST, inTime())
    expect(found.digest).toBe(DIGEST)
  })
  test('the next one is asked when the first is gone', async () => {
    const gone = await openScriptedServer()
    await gone.close()
    const found = await upstream([gone.url, second.url]).manifest(ALPINE, LATEST, inTime())
    expect(found.digest).toBe(DIGEST)
  })
  test('a 404 of the first is an answer', async () => {
    expect(await troubleOf(upstream([server.url, second.url]).manifest(ALPINE, LATEST, inTime()))).toBe(
      'missing',
    )
    expect(second.asked).toEqual([])
  })
  test('when none works the first one is named', async () => {
    server.play(MANIFEST, answer(500))
    second.play(MANIFEST, answer(429))
    const failure = await failureOf(upstream([server.url, second.url]).manifest(ALPINE, LATEST, inTime()))
    expect(failure.trouble).toBe('failing')
    expect(failure.message).toContain(server.host)
  })
  test('the rest of a blob that broke off is asked for at the next one', async () => {
    server.play(BLOB_PATH, (_, response) => {
      response.writeHead(200, { 'content-length': BLOB.length })
      response.write(BLOB.subarray(0, 1000), () => response.destroy())
    })
    const one = upstream([server.url, second.url])
    const { body } = await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(await troubleOf(bytesOf(body))).toBe('cut')
    await one.blob(ALPINE, BLOB_DIGEST, 1000, inTime())
    expect(second.count(BLOB_PATH)).toBe(1)
  })
})
