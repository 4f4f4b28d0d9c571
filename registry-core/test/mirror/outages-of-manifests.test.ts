import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  TROUBLES as TABLE,
  UpstreamFailure,
  type UpstreamTrouble,
} from '#core/mirror/upstream/upstream-failure.js'
import { parseReference } from '#core/oci/reference.js'
import { ALPINE, MirrorOfScript, REQUEST, STALE_MS } from './mirror-of-script.js'
import { fetched } from './scripted-upstream.js'

const TROUBLES = Object.keys(TABLE) as readonly UpstreamTrouble[]
const CACHED = fetched('{"schemaVersion":2}')
const cached = CACHED.bytes.toString()

let mirror: MirrorOfScript

beforeEach(async () => {
  mirror = await MirrorOfScript.open()
  mirror.scripted.has('latest', CACHED)
})

describe.each(TROUBLES)('the upstream’s trouble is %s', (trouble) => {
  const fail = (): void => mirror.scripted.fails(new UpstreamFailure(trouble, 'it failed at 10.0.0.7'))

  describe.each([404, 503] as const)('with whenMissing: %i', (whenMissing) => {
    beforeEach(async () => {
      mirror.whenMissing = whenMissing
      await mirror.pull('latest')
      await mirror.clock.advance(STALE_MS)
    })

    test('a cached tag is served as stale, pull for pull, and says since when', async () => {
      fail()
      for (let client = 1; client <= 5; client += 1) {
        const { value, served } = await mirror.manifests.manifest(ALPINE, parseReference('latest'), REQUEST)
        expect(value).toMatchObject({ digest: CACHED.digest, bytes: CACHED.bytes })
        expect(served).toMatchObject({ origin: 'docker.io', cache: 'stale' })
        expect(served.warning).toMatch(/^docker\.io .*; last checked 2026-03-01T12:00:00\.000Z$/)
      }
    })

    test('a cached digest is served without asking', async () => {
      fail()
      mirror.asked()
      expect(await mirror.pull(CACHED.digest)).toBe(`hit docker.io ${cached}`)
      expect(mirror.asked()).toEqual([])
    })

    test('a tag and a digest that are not cached are what the table says', async () => {
      fail()
      const expected = trouble === 'missing' ? '404' : `${whenMissing}`
      expect(await mirror.pull('none')).toBe(expected)
      expect(await mirror.pull(fetched('{}').digest)).toBe(expected)
    })
  })

  test('after a restart in the middle of it what is cached is served, from the first pull on', async () => {
    await mirror.pull('latest')
    await mirror.clock.advance(STALE_MS)
    fail()
    await mirror.restart()
    expect(await mirror.pull('latest')).toBe(`stale docker.io ${cached}`)
    expect(await mirror.pull(CACHED.digest)).toBe(`hit docker.io ${cached}`)
  })

  test('when it is over the next pull that asks is fresh', async () => {
    await mirror.pull('latest')
    await mirror.clock.advance(STALE_MS)
    fail()
    await mirror.pull('latest')
    mirror.scripted.has('latest', CACHED)
    await mirror.clock.advance(STALE_MS)
    expect(await mirror.pull('latest')).toBe(`hit docker.io ${cached}`)
  })
})

test('a new digest that cannot be fetched leaves the tag where it was', async () => {
  await mirror.pull('latest')
  await mirror.clock.advance(STALE_MS)
  const moved = fetched('{"schemaVersion":2,"moved":1}')
  mirror.scripted.has('latest', moved)
  mirror.scripted.forgets(moved.digest)
  expect(await mirror.pull('latest')).toBe(`stale docker.io ${cached}`)
  expect(mirror.manifests.gone()).toEqual([])
})
