import { beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import {
  TROUBLES as TABLE,
  UpstreamFailure,
  type UpstreamTrouble,
} from '#core/mirror/upstream/upstream-failure.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import { parseDigest } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { FakeClock, turn } from '../fake-clock.js'
import { seededRandom } from '../seeded-chance.js'
import { silentLog } from '../simulated-store.js'
import { fetched, ScriptedUpstream } from './scripted-upstream.js'

const REPOSITORY = parseRepositoryName('library/alpine')
const LATEST = parseReference('latest')
const BLOB = parseDigest(`sha256:${'a'.repeat(64)}`)
const { signal } = new AbortController()
const TROUBLES = Object.keys(TABLE).filter((one) => one !== 'resting') as readonly UpstreamTrouble[]
const down = new UpstreamFailure('unreachable', 'connection refused by 192.0.2.1:443')

let clock: FakeClock
let scripted: ScriptedUpstream
let breaker: Breaker
let upstream: Upstream

beforeEach(() => {
  clock = new FakeClock()
  scripted = new ScriptedUpstream()
  breaker = new Breaker({ host: 'docker.io', clock, random: seededRandom(1), log: silentLog })
  upstream = withBreaker(scripted, breaker)
})

/** The word of the trouble, or `ok`. */
async function ask(as: AbortSignal = signal): Promise<string> {
  try {
    await upstream.manifest(REPOSITORY, LATEST, as)
    return 'ok'
  } catch (error) {
    return error instanceof UpstreamFailure ? error.trouble : 'another error'
  }
}

async function failTwice(failure = down): Promise<void> {
  scripted.fails(failure)
  await ask()
  await ask()
}

describe('an upstream is left alone', () => {
  test.each(TROUBLES)('after two times %s exactly when the table says that it counts', async (trouble) => {
    await failTwice(new UpstreamFailure(trouble, 'it failed'))
    expect(breaker.state).toBe(TABLE[trouble].breaker === 'counts' ? 'open' : 'closed')
  })

  test('not after one failure, and not when an answer lies between two', async () => {
    scripted.fails(down)
    await ask()
    scripted.has('latest', fetched('{}'))
    await ask()
    scripted.fails(down)
    await ask()
    expect(breaker.state).toBe('closed')
  })

  test('not for clients that leave', async () => {
    scripted.hangs()
    for (let client = 1; client <= 3; client += 1) {
      const leaving = new AbortController()
      const asked = ask(leaving.signal)
      leaving.abort(new Error('the client has gone'))
      expect(await asked).toBe('another error')
    }
    expect(breaker.state).toBe('closed')
  })

  test('but for requests that are given up because nothing comes', async () => {
    scripted.hangs()
    for (let request = 1; request <= 2; request += 1) {
      const limit = new AbortController()
      const asked = ask(limit.signal)
      limit.abort(new UpstreamFailure('timeout', 'nothing came in 30 seconds'))
      await asked
    }
    expect(breaker.state).toBe('open')
  })

  test('and then is not asked, and refuses at once', async () => {
    await failTwice()
    const before = scripted.asked.length
    expect(await ask()).toBe('resting')
    expect(scripted.asked.length).toBe(before)
  })

  test('and says for how long, after what', async () => {
    await failTwice()
    await clock.advance(2000)
    expect(breaker.describe()).toMatch(/^is resting for (28|29|30|31) s after: connection refused by 192/)
  })
})

describe('an upstream that rests is tried again', () => {
  test('after half a minute, by one request, whose answer ends the rest', async () => {
    await failTwice()
    await clock.advance(29_999)
    expect(await ask()).toBe('resting')
    await clock.advance(3001)
    scripted.hangs()
    const probe = ask()
    await turn()
    expect(breaker.state).toBe('probing')
    expect(await ask()).toBe('resting')
    scripted.has('latest', fetched('{}'))
    scripted.goesOn()
    expect(await probe).toBe('ok')
    expect(breaker.state).toBe('closed')
    expect(await ask()).toBe('ok')
  })

  test('by a further request when the first one’s client has left', async () => {
    await failTwice()
    await clock.advance(33_000)
    scripted.hangs()
    const leaving = new AbortController()
    const probe = ask(leaving.signal)
    leaving.abort(new Error('the client has gone'))
    await probe
    scripted.has('latest', fetched('{}'))
    expect(await ask()).toBe('ok')
  })

  test('and answers, although it has not what was asked for', async () => {
    await failTwice()
    await clock.advance(33_000)
    scripted.fails(new UpstreamFailure('missing', 'no such tag'))
    await ask()
    expect(breaker.state).toBe('closed')
  })

  test('less and less often, down to each five minutes', async () => {
    await failTwice()
    const rests: number[] = []
    for (let round = 1; round <= 6; round += 1) {
      let seconds = 0
      while ((await ask()) === 'resting') {
        await clock.advance(1000)
        seconds += 1
      }
      rests.push(seconds)
    }
    const least = [30, 60, 120, 240, 300, 300]
    for (const [index, seconds] of rests.entries()) {
      expect(seconds).toBeGreaterThanOrEqual(least[index] ?? 0)
      expect(seconds).toBeLessThanOrEqual((least[index] ?? 0) * 1.1 + 1)
    }
  })
})

describe('Retry-After', () => {
  const limited = (retryAfterMs: number) =>
    new UpstreamFailure('rate-limited', 'too many requests', { status: 429, retryAfterMs })

  test('is obeyed at once, for manifests', async () => {
    scripted.fails(limited(100_000))
    await ask()
    expect(breaker.state).toBe('open')
    await clock.advance(99_000)
    expect(await ask()).toBe('resting')
    await clock.advance(12_000)
    expect(await ask()).toBe('rate-limited')
  })

  test('of days is five minutes', async () => {
    scripted.fails(limited(86_400_000))
    await ask()
    await clock.advance(331_000)
    expect(await ask()).toBe('rate-limited')
  })

  test('of a second is no longer at first, and grows while the upstream goes on asking for it', async () => {
    scripted.fails(limited(1000))
    await ask()
    await clock.advance(1100)
    expect(await ask()).toBe('rate-limited')
    await clock.advance(1100)
    expect(await ask()).toBe('resting')
    await clock.advance(1100)
    expect(await ask()).toBe('rate-limited')
  })

  test('of nothing, or none, is no rest', async () => {
    for (const retryAfterMs of [0, undefined]) {
      scripted.fails(new UpstreamFailure('rate-limited', 'too many requests', { status: 429, retryAfterMs }))
      for (let request = 1; request <= 3; request += 1) expect(await ask()).toBe('rate-limited')
    }
  })

  test('after a 429 keeps nobody from the bytes of images', async () => {
    scripted.fails(limited(100_000))
    await ask()
    scripted.has('latest', fetched('{}'))
    await upstream.describeBlob(REPOSITORY, BLOB, signal)
    expect(breaker.state).toBe('open')
  })
})

test('what was under way when the rest began makes it no longer', async () => {
  scripted.hangs()
  const late = ask()
  await turn()
  scripted.fails(down)
  await ask()
  await ask()
  await clock.advance(20_000)
  scripted.goesOn()
  expect(await late).toBe('unreachable')
  await clock.advance(13_000)
  scripted.has('latest', fetched('{}'))
  expect(await ask()).toBe('ok')
})
