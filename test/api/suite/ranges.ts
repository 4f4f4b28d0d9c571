import { expect } from '@jest/globals'

import { makeImage, randomLayer } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import { type Answer, EVERY_MANIFEST_TYPE, expectStatus } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectHeader } from './expect-answer.js'

const SIZE = 1000

async function pushed({
  client,
  repository,
}: Subject): Promise<{ target: string; bytes: Buffer; digest: string }> {
  const name = repository()
  const layer = randomLayer(SIZE)
  const { digest } = await client.pushBlob(name, layer)
  return { target: `/v2/${name}/blobs/${digest}`, bytes: layer.bytes, digest }
}

/** Throws unless the answer is the one part [first, last] of the bytes. */
function expectPart(answer: Answer, bytes: Buffer, first: number, last: number): void {
  expectStatus(answer, 206)
  expectHeader(answer, 'content-range', `bytes ${first}-${last}/${bytes.length}`)
  expectHeader(answer, 'content-length', String(last - first + 1))
  expect(answer.body.equals(bytes.subarray(first, last + 1))).toBe(true)
}

function expectUnsatisfiable(answer: Answer): void {
  expectStatus(answer, 416)
  expectHeader(answer, 'content-range', `bytes */${SIZE}`)
}

/** Parts of blobs. */
export const rangeChecks = [
  check(['range'], 'a part is 206 with exactly its bytes', async (subject) => {
    const { target, bytes, digest } = await pushed(subject)
    const parts: readonly (readonly [string, number, number])[] = [
      ['0-0', 0, 0],
      ['0-99', 0, 99],
      ['500-999', 500, 999],
      ['999-999', 999, 999],
      ['100-', 100, 999],
      ['0-', 0, 999],
      ['-1', 999, 999],
      ['-300', 700, 999],
      ['-5000', 0, 999],
      ['900-5000', 900, 999],
    ]
    for (const [range, first, last] of parts) {
      const answer = await subject.client.get(target, { range: `bytes=${range}` })
      expectPart(answer, bytes, first, last)
      expectHeader(answer, 'docker-content-digest', digest)
    }
  }),
  check(['range'], 'a last byte of more digits than a number holds is the end', async (subject) => {
    const { target, bytes } = await pushed(subject)
    expectPart(await subject.client.get(target, { range: 'bytes=5-99999999999999999999' }), bytes, 5, 999)
  }),
  check(['range'], 'a part beyond the end is 416 and tells the size', async (subject) => {
    const { target } = await pushed(subject)
    for (const range of ['1000-', '1000-1000', '5000-6000', '99999999999999999999-', '-0']) {
      expectUnsatisfiable(await subject.client.get(target, { range: `bytes=${range}` }))
    }
  }),
  check(['range'], 'a part that ends before it begins is 416', async (subject) => {
    const { target } = await pushed(subject)
    expectUnsatisfiable(await subject.client.get(target, { range: 'bytes=500-400' }))
  }),
  check(['range'], 'after a 416 the connection goes on', async (subject) => {
    const { target, bytes } = await pushed(subject)
    const request = (range: string): string =>
      lines(`GET ${target} HTTP/1.1`, 'Host: registry', `Range: bytes=${range}`)
    const text = request('5000-') + request('500-400') + request('10-19')
    const { answers } = await subject.raw(text, { answers: 3 })
    expect(answers.map(({ status }) => status)).toEqual([416, 416, 206])
    expect(answers[2]?.body).toEqual(bytes.subarray(10, 20))
  }),
  check(['range'], 'a Range that is none is ignored', async (subject) => {
    const { target, bytes } = await pushed(subject)
    for (const range of ['items=0-1', 'bytes', 'lines=1-2', '']) {
      expect(expectStatus(await subject.client.get(target, { range }), 200).body).toEqual(bytes)
    }
  }),
  check(['range'], 'a Range of nonsense is 416 or ignored, and never half obeyed', async (subject) => {
    const { target, bytes } = await pushed(subject)
    for (const range of [
      'bytes=',
      'bytes=a-b',
      'bytes=-',
      'bytes=1',
      'bytes=--5',
      'bytes=0x1-2',
      'bytes=1-2-3',
    ]) {
      const answer = expectStatus(await subject.client.get(target, { range }), 200, 416)
      if (answer.status === 200) expect(answer.body).toEqual(bytes)
    }
  }),
  check(['range', 'attack 23'], 'several parts are answered as one, or refused', async (subject) => {
    const { target, bytes } = await pushed(subject)
    const several = ['0-9,20-29', '0-9,5-14', '900-,0-1', '-10,0-9', '0-0,0-0,0-0', '990-2000,10-20']
    for (const range of several) {
      const answer = expectStatus(await subject.client.get(target, { range: `bytes=${range}` }), 206, 416)
      if (answer.status === 416) continue
      const [, first, last] = /^bytes (\d+)-(\d+)\/1000$/.exec(answer.header('content-range') ?? '') ?? []
      expectPart(answer, bytes, Number(first), Number(last))
    }
  }),
  check(['attack 23'], 'ten thousand parts cost one answer', async (subject) => {
    const { target, bytes } = await pushed(subject)
    const parts = Array.from({ length: 1500 }, (_, n) => `${n % 900}-${(n % 900) + 1}`)
    const many = [
      parts.join(','),
      Array.from({ length: 3000 }, () => '0-').join(','),
      `${'0-0,'.repeat(1500)}5000-`,
    ]
    for (const range of many) {
      const answer = expectStatus(await subject.client.get(target, { range: `bytes=${range}` }), 206, 416)
      expect(answer.body.length).toBeLessThanOrEqual(bytes.length)
    }
    const tenThousand = `bytes=${Array.from({ length: 10_000 }, (_, n) => `${n}-${n}`).join(',')}`
    const request = lines(`GET ${target} HTTP/1.1`, 'Host: registry', `Range: ${tenThousand}`)
    const { answers } = await subject.raw(request, { answers: 1 })
    expect([206, 400, 416, 431]).toContain(answers[0]?.status)
  }),
  check(
    ['range'],
    'If-Range with the same ETag gives the part, with another one the whole',
    async (subject) => {
      const { target, bytes, digest } = await pushed(subject)
      const ask = (condition: string): Promise<Answer> =>
        subject.client.get(target, { range: 'bytes=10-19', 'if-range': condition })
      expectPart(await ask(`"${digest}"`), bytes, 10, 19)
      for (const other of ['"other"', `W/"${digest}"`, 'Thu, 01 Jan 1970 00:00:00 GMT']) {
        expect(expectStatus(await ask(other), 200).body).toEqual(bytes)
      }
    },
  ),
  check(['range'], 'HEAD with a Range has no body and a true length', async (subject) => {
    const { target } = await pushed(subject)
    const answer = expectStatus(await subject.client.head(target, { range: 'bytes=10-19' }), 200, 206)
    expect(answer.body.length).toBe(0)
    expectHeader(answer, 'content-length', answer.status === 206 ? '10' : String(SIZE))
  }),
  check(
    ['range', 'empty blob'],
    'any part of the empty blob is 416, or the empty blob',
    async ({ client, repository }) => {
      const name = repository()
      const { digest } = await client.pushBlob(name, Buffer.alloc(0))
      for (const range of ['0-', '0-0', '-1']) {
        const answer = await client.get(`/v2/${name}/blobs/${digest}`, { range: `bytes=${range}` })
        expectStatus(answer, 200, 416)
        if (answer.status === 200) expect(answer.body.length).toBe(0)
      }
    },
  ),
  check(['range', 'end-3'], 'a Range on a manifest is ignored', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    const { digest } = await client.pushImage(name, image, 'latest')
    for (const reference of ['latest', digest]) {
      const headers = { accept: EVERY_MANIFEST_TYPE, range: 'bytes=0-' }
      const answer = await client.get(`/v2/${name}/manifests/${reference}`, headers)
      expect(expectStatus(answer, 200).body).toEqual(image.manifest.bytes)
    }
  }),
]
