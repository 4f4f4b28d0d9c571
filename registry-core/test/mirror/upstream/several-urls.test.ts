import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import {
  answer,
  json,
  manifest,
  manifestBytes,
  openScriptedServer,
  type ScriptedServer,
} from '../scripted-server.js'
import {
  ALPINE,
  bytesOf,
  closeAll,
  failureOf,
  inTime,
  LATEST,
  open,
  settingsFor,
  troubleOf,
} from './opened.js'

const BYTES = manifestBytes('alpine')
const DIGEST = digestOfBytes('sha256', BYTES)
const OTHER = digestOfBytes('sha256', Buffer.from('other'))
const MANIFEST = '/v2/library/alpine/manifests/latest'
const BLOB = Buffer.alloc(200_000, 'x')
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`

let server: ScriptedServer
beforeEach(async () => {
  server = await openScriptedServer()
  server.play('/v2/', json({}))
})
afterEach(async () => {
  await closeAll()
  await server.close()
})

function upstream(urls: readonly URL[]) {
  return open(settingsFor(urls)).upstream
}

describe('several URLs', () => {
  let second: ScriptedServer
  beforeEach(async () => {
    second = await openScriptedServer()
    second.play('/v2/', json({}))
    second.play(MANIFEST, manifest(BYTES))
    second.play(BLOB_PATH, answer(200, {}, BLOB))
  })
  afterEach(() => second.close())

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
