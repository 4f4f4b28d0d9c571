import { beforeEach, expect, test } from '@jest/globals'
import { withCounters } from '#core/mirror/counted-upstream.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { parseDigest } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { type Metrics, openMetrics } from '#core/system/metrics.js'
import { fetched, ScriptedUpstream } from './scripted-upstream.js'

const REPOSITORY = parseRepositoryName('library/alpine')
const LATEST = parseReference('latest')
const { signal } = new AbortController()

let metrics: Metrics

beforeEach(() => {
  metrics = openMetrics({ load: { requests: 0, uploads: 0 }, droppedLogLines: () => 0 })
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

test('gauges are asked when somebody reads them, and an upstream that is no more has none', async () => {
  metrics.mirrors.watch('docker.io', {
    breaker: () => 'open',
    rateLimit: () => ({ limit: 100, remaining: 7 }),
  })
  metrics.mirrors.watch('quay.io', { breaker: () => 'probing', rateLimit: () => undefined })
  expect(await lines()).toEqual([
    'registry_upstream_breaker_open{upstream="docker.io"} 1',
    'registry_upstream_breaker_open{upstream="quay.io"} 0.5',
    'registry_upstream_ratelimit_limit{upstream="docker.io"} 100',
    'registry_upstream_ratelimit_remaining{upstream="docker.io"} 7',
  ])
  metrics.mirrors.forget('docker.io')
  expect(await lines()).toEqual(['registry_upstream_breaker_open{upstream="quay.io"} 0.5'])
})
