import { beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { Questions } from '#core/mirror/questions/questions.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import { Visibility } from '#core/mirror/visibility.js'
import { type Reference, parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { Origins } from '#core/store/fetched.js'
import { FakeClock } from '../fake-clock.js'
import { seededRandom } from '../seeded-chance.js'
import { silentLog } from '../simulated-store.js'
import { ALPINE, settle } from './mirror-of-script.js'
import { ScriptedUpstream } from './scripted-upstream.js'

const LATEST = parseReference('latest')
const down = new UpstreamFailure('unreachable', 'connection refused')
const { signal } = new AbortController()

let clock: FakeClock
let scripted: ScriptedUpstream
let breaker: Breaker
let upstream: Upstream
let visibility: Visibility
/** How often it said that somebody waited in vain. */
let slow = 0

beforeEach(() => {
  clock = new FakeClock()
  scripted = new ScriptedUpstream()
  breaker = new Breaker({ host: 'docker.io', clock, random: seededRandom(1), log: silentLog })
  upstream = withBreaker(scripted, breaker)
  const questions = new Questions({ host: upstream.host, clock, named: new NamedContent() })
  slow = 0
  const onSlow = (): void => void (slow += 1)
  visibility = new Visibility({ upstream, origins: nothing, clock, questions, isForAll: () => false, onSlow })
})

/** A store that has noted nothing. */
const nothing: Pick<Origins, 'provenance' | 'findTag'> = {
  provenance: () => undefined,
  findTag: () => Promise.resolve(undefined),
}

function isPublic(name = ALPINE, part: Reference | 'blob' | 'list' = 'list'): Promise<boolean> {
  return visibility.isPublic(name, signal, part, '192.0.2.1')
}

/** How a pull of somebody who did not log in ends: asked whether it is public, then for the manifest. */
async function pull(): Promise<string> {
  if (!(await isPublic(ALPINE, LATEST))) return 'hidden'
  try {
    await upstream.manifest(ALPINE.remote, LATEST, signal)
    return 'ok'
  } catch (error) {
    return error instanceof UpstreamFailure ? error.trouble : 'another error'
  }
}

describe('what is public', () => {
  test('is asked once in ten minutes, however many want to know', async () => {
    expect(await Promise.all([isPublic(), isPublic()])).toEqual([true, true])
    await clock.advance(599_999)
    expect(await isPublic()).toBe(true)
    expect(scripted.asked).toEqual(['PUBLIC library/alpine'])
    scripted.isOpen = false
    await clock.advance(1)
    expect(await isPublic()).toBe(false)
    expect(await isPublic()).toBe(false)
    expect(scripted.asked.length).toBe(2)
  })

  test('stays what it was through an outage', async () => {
    await isPublic()
    await clock.advance(600_001)
    scripted.fails(down)
    expect(await isPublic()).toBe(true)
    expect(visibility.isKnownPublic(ALPINE.stored)).toBeUndefined() // a note would stay for good
  })

  test('is nothing in an outage at the beginning', async () => {
    scripted.fails(down)
    expect(await isPublic()).toBe(false)
    expect(visibility.isKnownPublic(ALPINE.stored)).toBeUndefined()
  })

  test('is what it was to all who have waited two seconds together', async () => {
    await isPublic()
    await clock.advance(600_001)
    scripted.hangs()
    let answer: boolean | undefined
    const first = isPublic().then((known) => (answer = known))
    await settle()
    await clock.advance(1999)
    expect(answer).toBeUndefined()
    await clock.advance(1)
    const next = isPublic()
    await settle()
    await clock.advance(0)
    expect([await first, await next, slow]).toEqual([true, true, 2])
    scripted.goesOn()
  })

  test('is nothing to those who have waited five seconds for what nobody knows', async () => {
    scripted.hangs()
    const asked = isPublic()
    await settle()
    await clock.advance(5000)
    expect(await asked).toBe(false)
    expect(slow).toBe(0)
    scripted.goesOn()
  })

  test('is not forgotten for names that clients make up', async () => {
    await isPublic()
    scripted.isOpen = false
    for (let name = 0; name < 10_001; name += 1) {
      const remote = parseRepositoryName(`made/up-${name}`)
      await isPublic({ ...ALPINE, remote, stored: parseRepositoryName(`docker.io/${remote}`) })
    }
    expect(visibility.isKnownPublic(ALPINE.stored)).toBe(true)
  })

  test('is not waited for by a client that leaves, and the others hear of it', async () => {
    scripted.hangs()
    const leaving = new AbortController()
    const left = visibility.isPublic(ALPINE, leaving.signal, 'blob', '192.0.2.1')
    const stays = isPublic()
    leaving.abort(new Error('the client has gone'))
    await expect(left).rejects.toThrow('the client has gone')
    scripted.goesOn()
    expect(await stays).toBe(true)
    expect(scripted.asked.length).toBe(1)
  })
})

describe('what is remembered of it is no answer of the upstream', () => {
  test('and does not keep it from being left alone', async () => {
    await isPublic()
    scripted.fails(down)
    expect([await pull(), await pull(), await pull()]).toEqual(['unreachable', 'unreachable', 'resting'])
  })

  test('and does not end its rest', async () => {
    await isPublic()
    scripted.fails(down)
    for (let time = 1; time <= 3; time += 1) await pull()
    await clock.advance(60_000)
    expect(await isPublic()).toBe(true)
    expect(breaker.state).toBe('open')
    expect(await pull()).toBe('unreachable')
    expect(breaker.state).toBe('open')
  })
})
