import { beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { Questions } from '#core/mirror/questions/questions.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import { type Part, Visibility } from '#core/mirror/visibility.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { Origins } from '#core/store/fetched.js'
import { FakeClock } from '../fake-clock.js'
import { seededRandom } from '../seeded-chance.js'
import { silentLog } from '../simulated-store.js'
import { digestOf } from '../store-bench.js'
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
let questions: Questions
/** How often it said that somebody waited in vain. */
let slow = 0

beforeEach(() => {
  clock = new FakeClock()
  scripted = new ScriptedUpstream()
  breaker = new Breaker({ host: 'docker.io', clock, random: seededRandom(1), log: silentLog })
  upstream = withBreaker(scripted, breaker)
  questions = new Questions({ host: upstream.host, clock, named: new NamedContent() })
  slow = 0
  visibility = open(nothing)
})

/** A store that has noted nothing. */
const nothing: Pick<Origins, 'provenance' | 'findTag' | 'summary'> = {
  provenance: () => undefined,
  findTag: () => Promise.resolve(undefined),
  summary: () => ({
    hasPushed: false,
    hasUnknown: false,
    hasFetched: false,
    hasOpen: false,
    privateHosts: [],
  }),
}

/** A store with one manifest, fetched when it was public, and others that were not, or none. */
function noted(privateHosts: readonly string[]): typeof nothing {
  const at = new Date(0)
  return {
    ...nothing,
    provenance: () => ({ kind: 'fetched', from: { host: 'docker.io', etag: undefined, isPublic: true }, at }),
    summary: () => ({ hasPushed: false, hasUnknown: false, hasFetched: true, hasOpen: true, privateHosts }),
  }
}

function open(origins: typeof nothing): Visibility {
  const onSlow = (): void => void (slow += 1)
  return new Visibility({ upstream, origins, clock, questions, isForAll: () => false, onSlow })
}

function isPublic(name = ALPINE, part: Part = { kind: 'list' }): Promise<boolean> {
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
    const left = visibility.isPublic(ALPINE, leaving.signal, { kind: 'list' }, '192.0.2.1')
    const stays = isPublic()
    leaving.abort(new Error('the client has gone'))
    await expect(left).rejects.toThrow('the client has gone')
    scripted.goesOn()
    expect(await stays).toBe(true)
    expect(scripted.asked.length).toBe(1)
  })
})

describe('what is noted of it, while the upstream is down', () => {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: described('config'),
      layers: [described('layer')],
    }),
  )

  function described(text: string): object {
    const bytes = Buffer.from(text)
    return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length }
  }

  function blob(text: string): Part {
    return { kind: 'blob', digest: digestOf(Buffer.from(text)) }
  }

  test('opens the blobs of a manifest that was public, and no others of its repository', async () => {
    visibility = open(noted([]))
    scripted.fails(down)
    expect(await isPublic(ALPINE, blob('layer'))).toBe(false)
    expect(await isPublic(ALPINE, { kind: 'digest', digest: digestOf(manifest) })).toBe(true)
    visibility.noteServed(ALPINE.stored, { bytes: manifest })
    expect(await isPublic(ALPINE, blob('layer'))).toBe(true)
    expect(await isPublic(ALPINE, blob('config'))).toBe(true)
    expect(await isPublic(ALPINE, blob('of a private image'))).toBe(false)
  })

  test('opens lists where all that lies there was public', async () => {
    scripted.fails(down)
    visibility = open(noted([]))
    expect(await isPublic()).toBe(true)
    visibility = open(noted(['docker.io']))
    expect(await isPublic()).toBe(false)
    visibility = open(nothing)
    expect(await isPublic()).toBe(false)
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
