import { beforeEach, expect, test } from '@jest/globals'
import { withCounters } from '#core/mirror/watched/counted-upstream.js'
import { watchUpstream } from '#core/mirror/watched/watched-upstream.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { parseDigest } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { type Metrics, openMetrics } from '#core/system/metrics.js'
import { FakeClock } from '../fake-clock.js'
import { seededRandom } from '../seeded-chance.js'
import { silentLog } from '../simulated-store.js'
import { fetched, ScriptedUpstream } from './scripted-upstream.js'

const REPOSITORY = parseRepositoryName('library/alpine')
const LATEST = parseReference('latest')
const { signal } = new AbortController()

let metrics: Metrics

beforeEach(() => {
  metrics = openMetrics({
    load: { requests: 0, uploads: 0 },
    strays: { droppedLogins: 0, misdirected: 0 },
    droppedLogLines: () => 0,
  })
})

async function lines(): Promise<readonly string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith('registry_upstream_'))
}

test('requests are counted by what came of them, and the bytes of manifests and blobs', async () => {
  const scripted = new ScriptedUpstream()
  const upstream = withCounters(scripted, metrics.mirrors.upstream('docker.io'))
  scripted.has('latest', fetched('{"a":1}'))
  await upstream.manifest(REPOSITORY, LATEST, signal)
  await upstream.resolve(REPOSITORY, LATEST, signal)
  const { body } = await upstream.blob(REPOSITORY, parseDigest(`sha256:${'a'.repeat(64)}`), 0, signal)
  for await (const piece of body) expect(piece.length).toBeGreaterThan(0)
  scripted.fails(new UpstreamFailure('dns', 'no address'))
  await expect(upstream.resolve(REPOSITORY, LATEST, signal)).rejects.toThrow('no address')
  expect(await lines()).toEqual([
    'registry_upstream_requests_total{upstream="docker.io",outcome="ok"} 3',
    'registry_upstream_requests_total{upstream="docker.io",outcome="dns"} 1',
    'registry_upstream_received_bytes_total{upstream="docker.io"} 10',
  ])
})

function watch(scripted: ScriptedUpstream) {
  const parts = { metrics: metrics.mirrors, clock: new FakeClock(), random: seededRandom(1), log: silentLog }
  return watchUpstream(
    'docker.io',
    (onRateLimit) => {
      onRateLimit({ limit: 100, remaining: 7, windowSeconds: undefined })
      return scripted
    },
    parts,
  )
}

async function gauges(): Promise<readonly string[]> {
  return (await lines()).filter((line) => /breaker|ratelimit/.test(line))
}

test('no more than 64 questions run at once, of whatever kind, and bytes of blobs wait for none of them', async () => {
  const scripted = new ScriptedUpstream()
  const { upstream } = watch(scripted)
  const blob = parseDigest(`sha256:${'a'.repeat(64)}`)
  scripted.hangs()
  const leaving = new AbortController()
  const asked = Array.from({ length: 100 }, (_, at) =>
    at % 2 === 0
      ? upstream.describeBlob(REPOSITORY, blob, leaving.signal)
      : upstream.isPublic(REPOSITORY, leaving.signal),
  )
  const ended = Promise.allSettled(asked)
  expect(scripted.most).toBe(64)
  const bytes = upstream.blob(REPOSITORY, blob, 0, signal)
  expect(scripted.most).toBe(65)
  leaving.abort(new Error('the clients have gone'))
  expect((await ended).map(({ status }) => status)).toEqual(asked.map(() => 'rejected'))
  expect(scripted.asked.length).toBe(65)
  scripted.goesOn()
  await bytes
  await expect(upstream.isPublic(REPOSITORY, signal)).resolves.toBe(true)
})

test('gauges are asked when somebody reads them, and an upstream that is no more has none', async () => {
  const scripted = new ScriptedUpstream()
  const watched = watch(scripted)
  const limits = [
    'registry_upstream_ratelimit_limit{upstream="docker.io"} 100',
    'registry_upstream_ratelimit_remaining{upstream="docker.io"} 7',
  ]
  expect(await gauges()).toEqual(['registry_upstream_breaker_open{upstream="docker.io"} 0', ...limits])
  scripted.fails(new UpstreamFailure('dns', 'no address'))
  for (let request = 1; request <= 3; request += 1)
    await expect(watched.upstream.resolve(REPOSITORY, LATEST, signal)).rejects.toThrow('no address')
  expect(await gauges()).toEqual(['registry_upstream_breaker_open{upstream="docker.io"} 1', ...limits])
  expect(await lines()).toContain('registry_upstream_requests_total{upstream="docker.io",outcome="dns"} 2')
  await watched.close()
  expect(await gauges()).toEqual([])
})

test('an upstream that is opened anew keeps its gauges when the old one is closed', async () => {
  const old = watch(new ScriptedUpstream())
  watch(new ScriptedUpstream())
  await old.close()
  expect((await gauges()).length).toBe(3)
})
