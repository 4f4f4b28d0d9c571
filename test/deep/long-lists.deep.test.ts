import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { type Descriptor, makeArtifact, MEDIA_TYPES } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { runToEnd } from '../support/processes.js'
import { type Answer, expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

const MAKE_STORE = path.join(import.meta.dirname, '../../bench/make-store.mjs')
const MINUTES = 60_000
const MANY = 100_000
/** What a list may cost the core beyond what it holds anyway: the same for a thousand as for a hundred thousand. */
const GROWS_MIB = 32
/** A page, once the folder was read, on a machine that others use too. */
const PAGE_MS = 250

describe('a list of 100,000', () => {
  let root = ''
  let core: Target
  let client: RegistryClient
  let subject: Descriptor

  async function makeStore(...args: readonly string[]): Promise<unknown> {
    const made = await runToEnd(process.execPath, [MAKE_STORE, '--root', root, ...args])
    if (made.code !== 0) throw new Error(made.stderr)
    return JSON.parse(made.stdout)
  }

  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    await makeStore('tags', '--repo', 'deep/tags', '--tags', String(MANY))
    const made = await makeStore('referrers', '--repo', 'deep/referrers', '--count', String(MANY))
    subject = { ...(made as { readonly subject: Descriptor }).subject, mediaType: MEDIA_TYPES.dockerManifest }
    core = await startCore({ root })
    client = new RegistryClient(core.baseUrl)
  }, 30 * MINUTES)

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
      expect(found).toEqual(Array.from({ length: MANY }, (_, index) => `v${String(index).padStart(5, '0')}`))
      expect(slowestMs).toBeLessThan(PAGE_MS)
    },
    5 * MINUTES,
  )

  test(
    'referrers is paged in constant memory, with one that was just pushed',
    async () => {
      const pushed = makeArtifact('application/x.signature', { subject })
      await client.pushImage('deep/referrers', pushed)
      const start = `/v2/deep/referrers/referrers/${subject.digest}`
      await walk(start, () => undefined) // what a process keeps from its first listing is not the listing's cost

      const memory = watchMemory(core.process.pid)
      const digests = new Set<string>()
      const numbers = new Set<string | undefined>()
      const slowestMs = await walk(start, (page) => {
        expect(page.body.length).toBeLessThanOrEqual(4 * 1024 * 1024)
        for (const { digest, annotations } of manifestsOf(page)) {
          digests.add(digest)
          numbers.add(annotations?.['index'])
        }
      })
      expect(digests).toContain(pushed.manifest.descriptor.digest)
      expect(digests.size).toBe(MANY + 1)
      expect(numbers.size).toBe(MANY + 1) // the one that was pushed has no number
      expect(memory.peakMiB() - memory.beforeMiB).toBeLessThanOrEqual(GROWS_MIB)
      expect(slowestMs).toBeLessThan(PAGE_MS)
    },
    10 * MINUTES,
  )
})

function manifestsOf(page: Answer): readonly Descriptor[] {
  return (page.json() as { readonly manifests: readonly Descriptor[] }).manifests
}
