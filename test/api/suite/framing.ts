import { expect } from '@jest/globals'

import { makeImage, randomLayer } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import { expectStatus, pathOf, withDigest } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectHeader, expectRaw } from './expect-answer.js'
import { readTags } from './read.js'

/** A session to send odd bodies to, as a raw target. */
async function session({ client, repository }: Subject): Promise<string> {
  return pathOf(await client.startUpload(repository()))
}

/** A request smuggled behind the body of another; it must never be answered. */
const SMUGGLED = lines('GET /v2/_catalog HTTP/1.1', 'Host: smuggled')

/** How a request is cut out of the connection's bytes: one way only. */
export const framingChecks = [
  check(
    ['attack 15'],
    'Content-Length beside Transfer-Encoding is 400, and nothing behind it is read',
    async (subject) => {
      const target = await session(subject)
      const head = [`PATCH ${target} HTTP/1.1`, 'Host: r']
      for (const framing of [
        ['Content-Length: 4', 'Transfer-Encoding: chunked'],
        ['Transfer-Encoding: chunked', 'Content-Length: 400'],
      ]) {
        const request = `${lines(...head, ...framing)}0\r\n\r\n${SMUGGLED}`
        const { answers } = await subject.raw(request, { waitMs: 1000 })
        expect(answers.map(({ status }) => status)).toEqual([400])
      }
    },
  ),
  check(['attack 15'], 'two lengths or an odd length are 400', async (subject) => {
    const target = await session(subject)
    const lengths = [
      ['Content-Length: 4', 'Content-Length: 5'],
      ['Content-Length: 4, 5'],
      ['Content-Length: -4'],
      ['Content-Length: +4'],
      ['Content-Length: 0x4'],
      ['Content-Length: 1 2'],
      ['Content-Length: 4.0'],
      ['Content-Length: 99999999999999999999'],
    ]
    for (const length of lengths) {
      const request = `${lines(`PATCH ${target} HTTP/1.1`, 'Host: r', ...length)}abcd${SMUGGLED}`
      const { answers } = await subject.raw(request, { waitMs: 700 })
      expect([length, ...answers.map(({ status }) => status)]).toEqual([length, 400])
    }
  }),
  check(['attack 15'], 'a transfer coding that nobody knows is refused', async (subject) => {
    const target = await session(subject)
    for (const coding of [
      'xchunked',
      'chunked, identity',
      'gzip, chunkedx',
      'identity',
      'chunked\x0b',
      '"chunked"',
    ]) {
      const request = `${lines(`PATCH ${target} HTTP/1.1`, 'Host: r', `Transfer-Encoding: ${coding}`)}0\r\n\r\n${SMUGGLED}`
      const exchange = await subject.raw(request, { waitMs: 700 })
      expectRaw(exchange, 400, 501)
      expect(exchange.answers.length).toBe(1)
    }
  }),
  check(['attack 15'], 'two Host headers are 400, and so is none', async (subject) => {
    for (const hosts of [['Host: a', 'Host: b'], ['Host: a', 'Host: a'], ['Host: a', 'hOST: b'], []]) {
      expectRaw(
        await subject.raw(lines('GET /v2/ HTTP/1.1', ...hosts, 'Connection: close'), { answers: 1 }),
        400,
      )
    }
  }),
  check(['attack 16'], 'a malformed header line is 400', async (subject) => {
    const malformed = [
      'Name : x',
      ' Content-Length: 4',
      'Na me: x',
      ': x',
      'No colon at all',
      'Name\0: x',
      'Name: a\0b',
      'Na\x01me: x',
      'Näme: x',
      'Transfer-Encoding : chunked',
    ]
    for (const line of malformed) {
      const { answers } = await subject.raw(
        lines('GET /v2/ HTTP/1.1', 'Host: r', line, 'Connection: close'),
        {
          answers: 1,
        },
      )
      expect([line, answers[0]?.status]).toEqual([line, 400])
    }
  }),
  check(['attack 16'], 'a folded header line is 400', async (subject) => {
    for (const fold of ['X-A: 1\r\n  folded', 'X-A: 1\r\n\tTransfer-Encoding: chunked']) {
      expectRaw(await subject.raw(lines('GET /v2/ HTTP/1.1', 'Host: r', fold), { answers: 1 }), 400)
    }
  }),
  check(['attack 16'], 'a line that ends without CR, or with CR alone, is 400', async (subject) => {
    const requests = [
      'GET /v2/ HTTP/1.1\nHost: r\n\n',
      'GET /v2/ HTTP/1.1\r\nHost: r\nX-A: 1\r\n\r\n',
      'GET /v2/ HTTP/1.1\r\nHost: r\r\n\n',
      'GET /v2/ HTTP/1.1\r\nHost: r\r\n\rX',
      'GET /v2/ HTTP/1.1\r\nHost: r\rX-A: 1\r\n\r\n',
    ]
    for (const request of requests) {
      const { answers } = await subject.raw(request, { answers: 1, waitMs: 1500 })
      expect([request, answers[0]?.status]).toEqual([request, 400])
    }
  }),
  check(['attack 16'], 'a version that is not HTTP/1 is refused', async (subject) => {
    for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1x', 'HTTP/11', 'XTTP/1.1']) {
      const { answers } = await subject.raw(lines(`GET /v2/ ${version}`, 'Host: r'), {
        answers: 1,
        waitMs: 1500,
      })
      expect([version, [400, 505].includes(Number(answers[0]?.status))]).toEqual([version, true])
    }
  }),
  check(['attack 18'], 'headers named like parts of JavaScript objects are ignored', async (subject) => {
    const names = [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      '__defineGetter__',
      'valueOf',
    ]
    const headers = names.flatMap((name) => [`${name}: x`, `${name}: y`])
    for (const target of ['/v2/', '/v2/_catalog']) {
      const request = lines(`GET ${target} HTTP/1.1`, 'Host: r', ...headers, 'Connection: close')
      expectRaw(await subject.raw(request, { answers: 1 }), 200)
    }
    const name = subject.repository()
    await subject.client.pushImage(name, makeImage(), 'x')
    const request = lines(
      `GET /v2/${name}/tags/list?__proto__=x&constructor=y HTTP/1.1`,
      'Host: r',
      ...headers,
    )
    expectRaw(await subject.raw(request, { answers: 1 }), 200)
  }),
  check(
    ['attack 18'],
    'a name or tag like a part of JavaScript objects is one like others',
    async ({ client }) => {
      for (const word of ['constructor', 'prototype', 'tostring', 'valueof']) {
        const image = makeImage({ layers: 0 })
        await client.pushImage(`words/${word}`, image, 'constructor')
        await client.pushManifest(`words/${word}`, image.manifest, '__proto__')
        expect(await client.pullManifest(`words/${word}`, '__proto__')).toEqual(image.manifest)
        expect([...readTags(await client.get(`/v2/words/${word}/tags/list`))].sort()).toEqual([
          '__proto__',
          'constructor',
        ])
      }
    },
  ),
  check(['attack 19'], 'a chunk extension of 64 KiB is refused', async (subject) => {
    const target = await session(subject)
    const head = lines(
      `PATCH ${target} HTTP/1.1`,
      'Host: r',
      'Transfer-Encoding: chunked',
      'Connection: close',
    )
    const request = `${head}5;${'x'.repeat(65_536)}\r\nhello\r\n0\r\n\r\n`
    expectRaw(await subject.raw(request, { answers: 1 }), 400, 408, 413)
  }),
  check(['attack 19'], 'malformed chunks are 400 and nothing of them is kept', async (subject) => {
    const { client } = subject
    for (const body of [
      'x\r\nhello\r\n0\r\n\r\n',
      '5\r\nhelloXX0\r\n\r\n',
      '-5\r\nhello\r\n',
      'fffffffffffffffff\r\nx',
    ]) {
      const target = await session(subject)
      const head = lines(`PATCH ${target} HTTP/1.1`, 'Host: r', 'Transfer-Encoding: chunked')
      expectRaw(await subject.raw(head + body, { answers: 1, waitMs: 2000 }), 400)
      expectStatus(await client.get(target), 204)
    }
  }),
  check(['attack 19'], 'a million chunks of one byte cost little and hurt nobody', async (subject) => {
    const { client, cpuTimeMs } = subject
    const target = await session(subject)
    const head = lines(
      `PATCH ${target} HTTP/1.1`,
      'Host: r',
      'Transfer-Encoding: chunked',
      'Connection: close',
    )
    const request = Buffer.concat([
      Buffer.from(head),
      Buffer.from(`${'1\r\nx\r\n'.repeat(1_000_000)}0\r\n\r\n`),
    ])
    const before = cpuTimeMs()
    const exchange = subject.raw(request, { answers: 1, waitMs: 25_000 })
    for (let n = 0; n < 5; n += 1) expectStatus(await client.get('/v2/'), 200)
    const answer = expectRaw(await exchange, 202, 400, 408, 413)
    expect(cpuTimeMs() - before).toBeLessThan(8000)
    if (answer.status === 202) expectHeader(await client.get(target), 'range', '0-999999')
    expectStatus(await client.get('/v2/'), 200)
  }),
  check(['end-5'], 'requests in one go on one connection are answered in order', async (subject) => {
    const { client, raw } = subject
    const name = subject.repository()
    const { bytes, descriptor } = randomLayer(100)
    const target = pathOf(withDigest(await client.startUpload(name), descriptor.digest))
    const put = Buffer.concat([
      Buffer.from(lines(`PUT ${target} HTTP/1.1`, 'Host: r', 'Content-Length: 100')),
      bytes,
    ])
    const blob = `/v2/${name}/blobs/${descriptor.digest}`
    const rest = lines(`HEAD ${blob} HTTP/1.1`, 'Host: r') + lines(`GET ${blob} HTTP/1.1`, 'Host: r')
    const methods = ['PUT', 'HEAD', 'GET']
    const { answers } = await raw(Buffer.concat([put, Buffer.from(rest)]), { methods, answers: 3 })
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200])
    expect(answers[2]?.body).toEqual(bytes)
  }),
]
