import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { type Content, type Image, makeArtifact, MEDIA_TYPES, manifestOf } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { runToEnd } from '../support/processes.js'
import { type Answer, expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

const MAKE_STORE = path.join(import.meta.dirname, '../../bench/make-store.mjs')
const MINUTES = 60_000
const MANY = 100_000
/** A page may cost this much once the listing is warm, on a machine that others use too. */
const PAGE_MS = 250

describe('a list of 100,000', () => {
  let root = ''
  let core: Target
  let client: RegistryClient

  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const args = ['--root', root, 'tags', '--repo', 'deep/tags', '--tags', String(MANY)]
    const made = await runToEnd(process.execPath, [MAKE_STORE, ...args])
    if (made.code !== 0) throw new Error(made.stderr)
    core = await startCore({ root })
    client = new RegistryClient(core.baseUrl)
  }, 5 * MINUTES)

  afterAll(async () => {
    await client.close()
    await core.remove()
    rmSync(root, { recursive: true, force: true })
  })

  /** Follows the Link headers to the end; answers how long the slowest page but the first took. */
  async function walk(start: string, use: (page: Answer) => void): Promise<number> {
    let slowestMs = 0
    for (let target: string | undefined = start, pages = 0; target !== undefined; pages += 1) {
      const from = performance.now()
      const page: Answer = expectStatus(await client.get(target), 200)
      if (pages > 0) slowestMs = Math.max(slowestMs, performance.now() - from)
      use(page)
      target = /^<([^>]+)>; rel="next"$/.exec(page.header('link') ?? '')?.[1]
    }
    return slowestMs
  }

  test(
    'tags is paged without reading and sorting it anew for each page',
    async () => {
      const found: string[] = []
      const slowestMs = await walk('/v2/deep/tags/tags/list?n=100', (page) => {
        const { tags } = page.json() as { readonly tags: readonly string[] }
        expect(tags.length).toBeLessThanOrEqual(100)
        found.push(...tags)
      })
      expect(found).toEqual(Array.from({ length: MANY }, (_, i) => `v${String(i).padStart(5, '0')}`).sort())
      expect(slowestMs).toBeLessThan(PAGE_MS)
    },
    5 * MINUTES,
  )

  test(
    'referrers is paged in constant memory',
    async () => {
      const subject = makeArtifact('application/x.subject')
      await client.pushImage('deep/referrers', subject, 'subject')
      const [config, layer] = subject.blobs
      if (config === undefined || layer === undefined) throw new Error('an artifact without blobs')
      const pushed = new Set<string>()
      async function pushers(share: number): Promise<void> {
        for (let index = share; index < MANY; index += 8) {
          const referrer = referrerOf(subject, index)
          await client.pushManifest('deep/referrers', referrer)
          pushed.add(referrer.descriptor.digest)
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, share) => pushers(share)))
      expect(pushed.size).toBe(MANY)

      const start = `/v2/deep/referrers/referrers/${subject.manifest.descriptor.digest}`
      await walk(start, () => undefined) // what a process keeps from its first listing is not the listing's cost
      const memory = watchMemory(core.process.pid)
      const listed = new Set<string>()
      const slowestMs = await walk(start, (page) => {
        const { manifests } = page.json() as { readonly manifests: readonly { readonly digest: string }[] }
        expect(page.body.length).toBeLessThanOrEqual(4 * 1024 * 1024)
        for (const { digest } of manifests) {
          expect(listed.has(digest)).toBe(false)
          listed.add(digest)
        }
      })
      expect(listed).toEqual(pushed)
      expect(memory.peakMiB() - memory.beforeMiB).toBeLessThanOrEqual(32)
      expect(slowestMs).toBeLessThan(PAGE_MS)
    },
    30 * MINUTES,
  )
})

/** A further manifest over the subject's own blobs. */
function referrerOf({ manifest: subject, blobs: [config, layer] }: Image, index: number): Content {
  return manifestOf({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType: 'application/x.signature',
    config: config?.descriptor,
    layers: [layer?.descriptor],
    subject: subject.descriptor,
    annotations: { index: String(index) },
  })
}
