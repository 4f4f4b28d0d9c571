import { describe, expect, test } from '@jest/globals'
import { errorAnswer } from '#core/http/errors.js'
import { failureWithoutCopy, staleSentence, type Wanted } from '#core/mirror/outage.js'
import {
  TROUBLES as TABLE,
  UpstreamFailure,
  type UpstreamTrouble,
} from '#core/mirror/upstream/upstream-failure.js'
import { parseDigest } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'

const TROUBLES = Object.keys(TABLE) as readonly UpstreamTrouble[]
const repository = parseRepositoryName('docker.io/library/alpine')
const WANTED: readonly Wanted[] = [
  { kind: 'manifest', repository, reference: parseReference('3.20') },
  { kind: 'blob', repository, digest: parseDigest(`sha256:${'a'.repeat(64)}`) },
  { kind: 'repository', repository },
]
const CODES = { manifest: 'MANIFEST_UNKNOWN', blob: 'BLOB_UNKNOWN', repository: 'NAME_UNKNOWN' } as const

function answerTo(trouble: UpstreamTrouble, wanted: Wanted, whenMissing: 404 | 503) {
  const failure = new UpstreamFailure(trouble, 'the proxy 10.0.0.7 said no', { status: 429 })
  const { answer } = errorAnswer(
    failureWithoutCopy(failure, 'docker.io', wanted, whenMissing),
    'GET',
    undefined,
  )
  return { ...answer, text: JSON.stringify(answer.body) }
}

describe.each(TROUBLES)('nothing is cached, and the upstream’s trouble is %s', (trouble) => {
  test.each(WANTED)('a client that wants a $kind goes on at once: 404', (wanted) => {
    const { status, text } = answerTo(trouble, wanted, 404)
    expect(status).toBe(404)
    expect(text).toContain(CODES[wanted.kind])
    expect(text).toContain('docker.io')
  })

  test.each(WANTED)('one that wants a $kind tries again with whenMissing: 503', (wanted) => {
    const { status, headers } = answerTo(trouble, wanted, 503)
    expect(status).toBe(trouble === 'missing' ? 404 : 503)
    expect(headers?.['Retry-After'] === undefined).toBe(trouble === 'missing')
  })

  test('no client learns what the upstream’s own failure says of our network', () => {
    expect(answerTo(trouble, WANTED[0] ?? raise(), 503).text).not.toContain('10.0.0.7')
  })

  test('the sentence of a Warning fits into a header', () => {
    const sentence = staleSentence(trouble, 'docker.io', new Date('2026-03-01T12:00:00.000Z'))
    expect(sentence).toMatch(/^docker\.io [ -~]+; last checked 2026-03-01T12:00:00\.000Z$/)
    expect(sentence).not.toMatch(/["\\]/)
  })
})

function raise(): never {
  throw new Error('there is something wanted')
}
