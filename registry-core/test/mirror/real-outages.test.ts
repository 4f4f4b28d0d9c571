import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import { HeldManifests } from '#core/mirror/manifests/held-manifests.js'
import { Manifests } from '#core/mirror/manifests/manifests.js'
import type { MirroredName } from '#core/mirror/mirrored-name.js'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { Questions } from '#core/mirror/questions/questions.js'
import { RateLimitWatch } from '#core/mirror/watched/rate-limit.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { systemClock as clock } from '#core/system/clock.js'
import { seededRandom } from '../seeded-chance.js'
import { SimulatedDisk } from '../simulated-disk.js'
import { SimulatedFs } from '../simulated-fs.js'
import { openProcess, silentLog as log, STORE_ROOT } from '../simulated-store.js'
import { REQUEST, told } from './mirror-of-script.js'
import {
  answer,
  json,
  manifest,
  manifestBytes,
  openScriptedServer,
  redirect,
  type Scene,
  type ScriptedServer,
} from './scripted-server.js'
import { closeAll, open, settingsFor } from './upstream/opened.js'

/* The outages as the client for upstreams meets them on the wire; a tag is asked for at each pull. */

const BYTES = manifestBytes('cached')
const DIGEST = digestOfBytes('sha256', BYTES)
const ALPINE: MirroredName = {
  host: 'upstream.test',
  remote: parseRepositoryName('library/alpine'),
  stored: parseRepositoryName('upstream.test/library/alpine'),
}
const TIMEOUTS = { connectMs: 300, headersMs: 300, idleMs: 300, smallBodyMs: 500 }

let server: ScriptedServer
let rateLimit: RateLimitWatch
let manifests: Manifests

beforeEach(async () => {
  server = await openScriptedServer()
  server.play('/v2/', json({}))
  play(manifest(BYTES))
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  const core = await openProcess({ fs: new SimulatedFs(disk), clock, seed: 1, boot: 'boot0000' })
  rateLimit = new RateLimitWatch({ clock })
  const onRateLimit = rateLimit.note.bind(rateLimit)
  const { upstream } = open(settingsFor([server.url]), { timeouts: TIMEOUTS, onRateLimit })
  const breaker = new Breaker({ host: 'upstream.test', clock, random: seededRandom(1), log })
  manifests = new Manifests({
    upstream: withBreaker(upstream, breaker),
    settings: { freshFor: { rules: [], otherwiseMs: 0 }, whenMissing: 404 },
    isNextDoor: false,
    questions: new Questions({ host: upstream.host, clock, named: new NamedContent() }),
    held: new HeldManifests({ ...core, log }),
    rateLimit,
    clock,
    log,
    counters: { revalidated: () => undefined },
  })
})

afterEach(async () => {
  await manifests.close()
  await closeAll()
  await server.close()
})

/** To whatever is asked for. */
function play(scene: Scene): void {
  server.play('*', scene)
}

async function pull(reference: string): Promise<string> {
  return told(await manifests.manifest(ALPINE, parseReference(reference), REQUEST))
}

const OUTAGES: readonly (readonly [string, Scene])[] = [
  ['closes the connection', (request) => void request.socket.destroy()],
  ['says nothing', () => undefined],
  ['says nothing after the headers', (_request, response) => void response.writeHead(200).write('{')],
  ['cuts what it sends', cut],
  ['answers 401 without saying how', answer(401)],
  ['answers 403', answer(403)],
  ['answers 404', answer(404)],
  ['answers 429', answer(429)],
  ['answers 429 with Retry-After', answer(429, { 'retry-after': '60' })],
  ['answers 500', answer(500)],
  ['answers 503 with Retry-After', answer(503, { 'retry-after': '60' })],
  ['redirects in a circle', redirect('/v2/library/alpine/manifests/latest')],
  ['sends a login page', answer(200, { 'content-type': 'text/html' }, '<!doctype html><p>log in')],
  [
    'lies about the digest',
    manifest(manifestBytes('another'), { 'docker-content-digest': `sha256:${'a'.repeat(64)}` }),
  ],
]

function cut(...[, response]: Parameters<Scene>): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('{"schemaVersion":2')
  response.destroy()
}

describe.each(OUTAGES)('an upstream that %s', (_what, scene) => {
  test('keeps nobody from what is cached', async () => {
    await pull('latest')
    play(scene)
    for (let client = 1; client <= 4; client += 1)
      expect(await pull('latest')).toBe(`stale upstream.test ${BYTES.toString()}`)
    expect(await pull(DIGEST)).toBe(`hit upstream.test ${BYTES.toString()}`)
  })

  test('gives nothing that would be kept', async () => {
    play(scene)
    await expect(pull('latest')).rejects.toMatchObject({ failure: 'manifest-unknown' })
    await expect(pull(DIGEST)).rejects.toMatchObject({ failure: 'manifest-unknown' })
  })
})

test('what the upstream says of its limit is heard, and a tag is not checked when little is left', async () => {
  play(manifest(BYTES, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '9;w=21600' }))
  await pull('latest')
  const before = server.asked.length
  expect(await pull('latest')).toBe(`stale upstream.test ${BYTES.toString()}`)
  expect(server.asked.length).toBe(before)
  expect(rateLimit.current()).toEqual({ limit: 100, remaining: 9, windowSeconds: 21_600 })
})

test('32 cold clients of a tag make one GET', async () => {
  await Promise.all(Array.from({ length: 32 }, () => pull('latest')))
  expect(server.asked.filter((line) => line.startsWith('GET') && line.includes('/manifests/'))).toEqual([
    'GET /v2/library/alpine/manifests/latest',
  ])
})
