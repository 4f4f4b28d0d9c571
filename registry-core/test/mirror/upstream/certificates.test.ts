import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Resolve } from '#core/mirror/upstream/name-servers.js'
import { type Authority, makeAuthority } from '../certificates.js'
import { openScriptedServer } from '../scripted-server.js'
import { ALPINE, LATEST } from './alpine.js'
import { closeAll, failureOf, inTime, open, settingsFor } from './opened.js'

let authority: Authority
beforeAll(() => {
  authority = makeAuthority()
})
afterAll(() => authority.remove())
afterEach(closeAll)

const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }]

describe('row 77: certificates', () => {
  async function failureWith(tls: { key: string; cert: string }, ca: string | undefined) {
    const other = await openScriptedServer({ tls })
    const url = new URL(`https://registry.acme.com:${other.url.port}`)
    const failure = await failureOf(
      open(settingsFor([url], { ca }), { resolve }).upstream.resolve(ALPINE, LATEST, inTime()),
    )
    expect(other.asked).toEqual([])
    await other.close()
    return failure
  }

  test('an expired one is an outage that says so', async () => {
    const failure = await failureWith(authority.sign(['registry.acme.com'], -1), authority.ca)
    expect(failure.trouble).toBe('tls')
    expect(failure.message).toContain('has expired')
  })
  test('one for another name', async () => {
    const failure = await failureWith(authority.sign(['other.acme.com']), authority.ca)
    expect(failure.trouble).toBe('tls')
    expect(failure.message).toContain('for another name')
  })
  test('one of an unknown authority says what to set', async () => {
    const failure = await failureWith(authority.sign(['registry.acme.com']), undefined)
    expect(failure.trouble).toBe('tls')
    expect(failure.message).toContain('set ca:')
  })
  test('a plain answer before TLS', async () => {
    const plain = await openScriptedServer()
    const url = new URL(`https://registry.acme.com:${plain.url.port}`)
    const failure = await failureOf(
      open(settingsFor([url]), { resolve }).upstream.resolve(ALPINE, LATEST, inTime()),
    )
    expect(failure.trouble).toBe('tls')
    expect(failure.message).toContain('does not speak TLS')
    await plain.close()
  })
})
