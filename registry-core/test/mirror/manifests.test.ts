import { beforeEach, describe, expect, test } from '@jest/globals'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { ALPINE, MirrorOfScript, REQUEST, settle, STALE_MS, told } from './mirror-of-script.js'
import { fetched } from './scripted-upstream.js'

const OLD = fetched('{"schemaVersion":2,"old":1}')
const NEW = fetched('{"schemaVersion":2,"new":1}')
const old = OLD.bytes.toString()
const latest = NEW.bytes.toString()

let mirror: MirrorOfScript

beforeEach(async () => {
  mirror = await MirrorOfScript.open()
  mirror.scripted.has('latest', OLD)
})

describe('a tag that is not here', () => {
  test('is fetched by one GET, and fresh then', async () => {
    expect(await mirror.pull('latest')).toBe(`miss docker.io ${old}`)
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual(['GET library/alpine latest'])
  })

  test('is fetched once for 32 clients at the same time, by tag and then by digest', async () => {
    const client = async (): Promise<string> => {
      const { value } = await mirror.manifests.manifest(ALPINE, parseReference('latest'), REQUEST)
      return told(await mirror.manifests.manifest(ALPINE, parseReference(value.digest), REQUEST))
    }
    const answers = await Promise.all(Array.from({ length: 32 }, client))
    expect(new Set(answers)).toEqual(new Set([`hit docker.io ${old}`]))
    expect(mirror.asked()).toEqual(['GET library/alpine latest'])
  })

  test('is fetched once when a client looked before it came, and asks after that', async () => {
    let goOn = (): void => undefined
    mirror.nextLook = new Promise((resolve) => {
      goOn = resolve
    })
    const late = mirror.pull('latest')
    await mirror.pull('latest')
    goOn()
    expect(await late).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual(['GET library/alpine latest'])
  })

  test('comes although the client that asked first has left', async () => {
    mirror.scripted.hangs()
    const leaving = new AbortController()
    const request = { ...REQUEST, signal: () => leaving.signal }
    const first = mirror.manifests.manifest(ALPINE, parseReference('latest'), request)
    await settle()
    const second = mirror.pull('latest')
    leaving.abort(new Error('the client has gone'))
    await expect(first).rejects.toThrow('the client has gone')
    mirror.scripted.goesOn()
    expect(await second).toBe(`hit docker.io ${old}`)
    expect(mirror.asked().length).toBe(1)
  })

  test('is a client’s answer after five seconds when nothing comes, and here when it came later', async () => {
    mirror.scripted.hangs()
    const { told: line, ms } = await mirror.pullInTime('latest')
    expect(line).toBe('404')
    expect(ms).toBeLessThanOrEqual(5100)
    mirror.scripted.goesOn()
    await settle()
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.asked().length).toBe(1)
  })

  test('is not asked for again for ten seconds when the upstream has none', async () => {
    expect(await mirror.pull('none')).toBe('404')
    expect(await mirror.pull('none')).toBe('404')
    expect(mirror.asked()).toEqual(['GET library/alpine none'])
    await mirror.clock.advance(10_000)
    await mirror.pull('none')
    expect(mirror.asked().length).toBe(1)
  })
})

describe('a digest', () => {
  test('is fetched once, and never asked for again', async () => {
    expect(await mirror.pull(OLD.digest)).toBe(`miss docker.io ${old}`)
    await mirror.clock.advance(100 * STALE_MS)
    expect(await mirror.pull(OLD.digest)).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual([`GET library/alpine ${OLD.digest}`])
  })

  test('that another upstream gave is not here, in a store that both may write', async () => {
    await mirror.pull(OLD.digest)
    await mirror.core.store.origins.publishRevision(ALPINE.stored, OLD.digest, {
      host: 'quay.io',
      etag: undefined,
    })
    mirror.asked()
    expect(await mirror.pull(OLD.digest)).toBe(`miss docker.io ${old}`)
    expect(mirror.asked().length).toBe(1)
  })

  test('of one repository is unknown in another until its upstream says that it belongs there', async () => {
    await mirror.pull(OLD.digest)
    mirror.scripted.forgets(OLD.digest)
    const other = { ...ALPINE, stored: parseRepositoryName('docker.io/library/other') }
    expect(await mirror.pull(OLD.digest, other)).toBe('404')
  })
})

describe('a tag whose time is over', () => {
  beforeEach(async () => {
    await mirror.pull('latest')
    await mirror.clock.advance(STALE_MS)
    mirror.asked()
  })

  test('is asked for by one HEAD for all clients, and fresh when it did not move', async () => {
    const answers = await Promise.all(Array.from({ length: 32 }, () => mirror.pull('latest')))
    expect(new Set(answers)).toEqual(new Set([`hit docker.io ${old}`]))
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual(['HEAD library/alpine latest'])
    expect(mirror.revalidations).toEqual(['same'])
  })

  test('is fetched by its new digest when it moved, once for all clients', async () => {
    mirror.scripted.has('latest', NEW)
    const answers = await Promise.all(Array.from({ length: 32 }, () => mirror.pull('latest')))
    expect(answers.toSorted().slice(0, 31)).toEqual(
      Array.from({ length: 31 }, () => `hit docker.io ${latest}`),
    )
    expect(answers).toContain(`miss docker.io ${latest}`)
    expect(mirror.asked()).toEqual(['HEAD library/alpine latest', `GET library/alpine ${NEW.digest}`])
    expect(await mirror.pull(OLD.digest)).toBe(`hit docker.io ${old}`)
  })

  test('costs no GET when it moved to what is here', async () => {
    mirror.scripted.has('latest', NEW)
    await mirror.pull('latest')
    mirror.scripted.has('latest', OLD)
    await mirror.clock.advance(STALE_MS)
    mirror.asked()
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual(['HEAD library/alpine latest'])
  })

  test('keeps a client waiting for two seconds, all of them together no longer, and comes later', async () => {
    mirror.scripted.has('latest', NEW)
    mirror.scripted.hangs()
    const { told: line, ms } = await mirror.pullInTime('latest')
    expect(line).toBe(`stale docker.io ${old}`)
    expect(ms).toBeLessThanOrEqual(2100)
    for (let client = 1; client <= 3; client += 1)
      expect((await mirror.pullInTime('latest')).ms).toBeLessThanOrEqual(50)
    mirror.scripted.goesOn()
    await settle()
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${latest}`)
  })

  test('keeps no client of another tag waiting while the upstream is slow, until it answers in time', async () => {
    mirror.scripted.has('other', OLD)
    await mirror.pull('other')
    await mirror.clock.advance(STALE_MS)
    mirror.scripted.hangs()
    await mirror.pullInTime('latest')
    expect((await mirror.pullInTime('other')).ms).toBeLessThanOrEqual(50)
    mirror.scripted.goesOn()
    await settle()
    await mirror.clock.advance(STALE_MS)
    expect(await mirror.pull('other')).toBe(`hit docker.io ${old}`)
  })

  test('is served without asking while the upstream gives little more', async () => {
    mirror.rateLimit.note({ limit: 100, remaining: 3, windowSeconds: 21_600 })
    expect(await mirror.pull('latest')).toBe(`stale docker.io ${old}`)
    expect(mirror.asked()).toEqual([])
  })

  test('is noted as gone when the upstream has it no more, said once, and served', async () => {
    mirror.scripted.forgets('latest')
    for (let round = 1; round <= 3; round += 1) {
      expect(await mirror.pull('latest')).toBe(`stale docker.io ${old}`)
      await mirror.clock.advance(STALE_MS)
    }
    expect(mirror.manifests.gone().map(({ name }) => name)).toEqual(['docker.io/library/alpine:latest'])
    expect(mirror.lines.filter((line) => line.includes('no more')).length).toBe(1)
    mirror.scripted.has('latest', OLD)
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.manifests.gone()).toEqual([])
  })

  test('is fresh again after a restart when it was checked before', async () => {
    await mirror.pull('latest')
    mirror.asked()
    await mirror.restart()
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
    expect(mirror.asked()).toEqual([])
  })

  test('is asked for although the clock went back an hour, once', async () => {
    await mirror.pull('latest')
    mirror.clock.step(-3_600_000)
    mirror.asked()
    for (let client = 1; client <= 3; client += 1) await mirror.pull('latest')
    expect(mirror.asked()).toEqual(['HEAD library/alpine latest'])
  })
})

describe('names that clients make up', () => {
  test('cost bounded requests, and never more than 64 at once', async () => {
    const pulls = Array.from({ length: 5000 }, (_, name) => mirror.pull(`none-${name}`))
    const answers = new Set(await Promise.all(pulls))
    expect(answers).toEqual(new Set(['404']))
    expect(mirror.scripted.most).toBeLessThanOrEqual(64)
    expect(mirror.asked().length).toBeLessThanOrEqual(2100)
  })

  test('keep nobody from what is here', async () => {
    await mirror.pull('latest')
    await mirror.clock.advance(STALE_MS)
    for (let name = 0; name < 2000; name += 50)
      await Promise.all(Array.from({ length: 50 }, (_, at) => mirror.pull(`none-${name + at}`)))
    mirror.asked()
    expect(await mirror.pull('another')).toBe('404')
    expect(mirror.asked()).toEqual([])
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${old}`)
  })

  test('wait for a turn while the upstream hangs, for five seconds', async () => {
    mirror.whenMissing = 503
    mirror.scripted.hangs()
    const pulls = Array.from({ length: 100 }, (_, name) => mirror.pullInTime(`none-${name}`))
    await settle()
    expect(mirror.scripted.most).toBe(64)
    const ended = await Promise.all(pulls)
    expect(new Set(ended.map(({ told: line }) => line))).toEqual(new Set(['503']))
    expect(mirror.asked().length).toBe(64)
  })
})

test('an upstream that hangs is given up after 30 seconds, and left alone after two questions', async () => {
  await mirror.pull('latest')
  await mirror.clock.advance(STALE_MS)
  mirror.scripted.hangs()
  await mirror.pullInTime('latest')
  await mirror.pullInTime('none')
  await mirror.clock.advance(30_000)
  await settle()
  expect(mirror.breaker.state).toBe('open')
  expect(await mirror.pull('latest')).toBe(`stale docker.io ${old}`)
})

test('questions under way end when this process stops', async () => {
  mirror.scripted.hangs()
  const asked = mirror.pull('latest')
  await settle()
  await mirror.manifests.close()
  expect(await asked).toBe('404')
})

test('an upstream’s Retry-After is obeyed, and what is here is served', async () => {
  await mirror.pull('latest')
  await mirror.clock.advance(STALE_MS)
  const limited = new UpstreamFailure('rate-limited', 'toomanyrequests', {
    status: 429,
    retryAfterMs: 60_000,
  })
  mirror.scripted.fails(limited)
  for (let client = 1; client <= 3; client += 1)
    expect(await mirror.pull('latest')).toBe(`stale docker.io ${old}`)
  expect(mirror.scripted.asked.length).toBe(2)
})
