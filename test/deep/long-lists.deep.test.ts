import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { EXT4, XFS_IO } from '../faults/needs.js'
import { type LoopVolume, loopVolume } from '../faults/volumes.js'
import { type Descriptor, makeArtifact, MEDIA_TYPES } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'
import { type Answer, expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

const MAKE_STORE = path.join(import.meta.dirname, '../../bench/make-store.mjs')
const MINUTES = 60_000
const MANY = 100_000
/** What a list may cost the core beyond what it holds anyway: the same for a thousand as for a hundred thousand. */
const GROWS_MIB = 32
/** Made in a minute, but removed file by file in many (a discard each): a disk of its own goes at once. */
const DISK = { mebibytes: 8192, format: ['-i', '4096'] }
/** A page costs less than this part of reading the whole list, and less than so many times a page of a short list. */
const MUCH = 5

describeNeeding([EXT4, XFS_IO], 'a list of 100,000', () => {
  let disk: LoopVolume
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
    disk = await loopVolume('ext4', DISK)
    root = path.join(disk.root, 'store')
    mkdirSync(root)
    await makeStore('tags', '--repo', 'deep/tags', '--tags', String(MANY))
    await makeStore('referrers', '--repo', 'deep/few', '--count', '1000')
    const made = await makeStore('referrers', '--repo', 'deep/referrers', '--count', String(MANY))
    subject = { ...(made as { readonly subject: Descriptor }).subject, mediaType: MEDIA_TYPES.dockerManifest }
    core = await startCore({ root })
    client = new RegistryClient(core.baseUrl)
  }, 30 * MINUTES)

  afterAll(async () => {
    await client.close()
    await core.remove()
    await disk.cutPower() // what is not written yet need not be
    await disk[Symbol.asyncDispose]()
  }, 5 * MINUTES)

  /** Follows the Link headers to the end; answers how long each page took. */
  async function walk(start: string, use: (page: Answer) => void): Promise<readonly number[]> {
    const times: number[] = []
    for (let target: string | undefined = start; target !== undefined; ) {
      const from = performance.now()
      const page: Answer = expectStatus(await client.get(target), 200)
      times.push(performance.now() - from)
      use(page)
      target = /^<([^>]+)>; rel="next"$/.exec(page.header('link') ?? '')?.[1]
    }
    return times
  }

  test(
    'tags is paged without reading and sorting it anew for each page',
    async () => {
      const found: string[] = []
      const [firstMs = 0, ...laterMs] = await walk('/v2/deep/tags/tags/list?n=100', (page) => {
        const { tags } = page.json() as { readonly tags: readonly string[] }
        expect(tags.length).toBeLessThanOrEqual(100)
        found.push(...tags)
      })
      expect(found).toEqual(Array.from({ length: MANY }, (_, index) => `v${String(index).padStart(5, '0')}`))
      report('tags', { pages: laterMs.length + 1, firstMs, medianMs: median(laterMs) })
      expect(median(laterMs) * MUCH).toBeLessThan(firstMs)
    },
    5 * MINUTES,
  )

  /** A page of 1,000 where there are no more. */
  async function timeOfFew(): Promise<number> {
    const times: number[] = []
    for (let turn = 0; turn < 10; turn += 1)
      times.push(...(await walk(`/v2/deep/few/referrers/${subject.digest}`, () => undefined)))
    return median(times)
  }

  test(
    'referrers is paged in constant memory, with one that was just pushed',
    async () => {
      const pushed = makeArtifact('application/x.signature', { subject })
      await client.pushImage('deep/referrers', pushed)
      const start = `/v2/deep/referrers/referrers/${subject.digest}`
      await walk(start, () => undefined) // what a process keeps from its first walk is not the listing's cost

      const memory = watchMemory(core.process.pid)
      const digests = new Set<string>()
      const numbers = new Set<string | undefined>()
      const times = await walk(start, (page) => {
        expect(page.body.length).toBeLessThanOrEqual(4 * 1024 * 1024)
        for (const { digest, annotations } of manifestsOf(page)) {
          digests.add(digest)
          numbers.add(annotations?.['index'])
        }
      })
      expect(digests).toContain(pushed.manifest.descriptor.digest)
      expect(digests.size).toBe(MANY + 1)
      expect(numbers.size).toBe(MANY + 1) // the one that was pushed has no number
      const grewMiB = memory.peakMiB() - memory.beforeMiB
      expect(grewMiB).toBeLessThanOrEqual(GROWS_MIB)
      const pageOfFewMs = await timeOfFew()
      report('referrers', {
        ...{ pages: times.length, pageMs: median(times), pageOfFewMs },
        ...{ peakMiB: memory.peakMiB(), grewMiB },
      })
      expect(median(times)).toBeLessThan(pageOfFewMs * MUCH)
    },
    10 * MINUTES,
  )
})

function manifestsOf(page: Answer): readonly Descriptor[] {
  return (page.json() as { readonly manifests: readonly Descriptor[] }).manifests
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function report(what: string, figures: Readonly<Record<string, number>>): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`)
}
