import type { MirroredName } from '#core/mirror/mirrored-name.js'
import { type Downloads, openDownloads } from '#core/mirror/downloads/downloads.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import type { Digest } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { GrowingContent } from '#core/registry/source.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'

import { FakeClock, turn } from '../fake-clock.js'
import { seededChance } from '../seeded-chance.js'
import { SimulatedDisk } from '../simulated-disk.js'
import type { SurvivalMode } from '../simulated-entries.js'
import { SimulatedFs } from '../simulated-fs.js'
import { openProcess, silentLog, STORE_ROOT } from '../simulated-store.js'
import { NEVER } from '../store-bench.js'

export const KIB = 1024

/** A repository of the upstream, as the store has it. */
function named(remote: string): MirroredName {
  const stored = parseRepositoryName(`docker.io/${remote}`)
  return { host: 'docker.io', remote: parseRepositoryName(remote), stored }
}

const ALPINE = named('library/alpine')
export const DEBIAN = named('library/debian')

/** Large bytes that differ with the seed, and that take no time to make. */
export function largeBytes(seed: number, sizeBytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4))
  let state = seed + 0x9e3779b9
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return Buffer.from(words.buffer, 0, sizeBytes)
}

/** A process that fetches, on a simulated disk. */
export interface Fetching {
  readonly fs: SimulatedFs
  readonly store: OpenedStore
  readonly downloads: Downloads
}

/** A machine on which processes start one after the other, or beside each other. */
export class Machine {
  readonly clock = new FakeClock({ tickMs: 1 })
  readonly #disk: SimulatedDisk
  readonly #totalBytes: number | undefined
  readonly #boot: string
  #seeds = 0

  constructor({
    totalBytes,
    found,
  }: {
    readonly totalBytes?: number
    /** The disk of a machine that lost power. */
    readonly found?: SimulatedDisk
  } = {}) {
    this.#totalBytes = totalBytes
    this.#disk = found?.withTime(() => this.clock.now()) ?? new SimulatedDisk(() => this.clock.now())
    this.#boot = found === undefined ? 'boot0000' : 'boot0001'
    if (found !== undefined) return
    this.#disk.makeDirectory(STORE_ROOT)
    this.#disk.syncDirectory('/')
  }

  /** The same machine as it comes up after the power has failed now. */
  afterPowerCut(mode: SurvivalMode, seed: number): Machine {
    return new Machine({ found: this.#disk.afterPowerCut(mode, seededChance(seed)) })
  }

  async start(ringBytes?: number): Promise<Fetching> {
    const fs = new SimulatedFs(
      this.#disk,
      this.#totalBytes === undefined ? {} : { totalBytes: this.#totalBytes },
    )
    this.#seeds += 1
    const { clock } = this
    const { store } = await openProcess({ fs, clock, seed: this.#seeds, boot: this.#boot })
    const downloads = openDownloads({
      store,
      clock,
      log: silentLog,
      ...(ringBytes === undefined ? {} : { ringBytes }),
    })
    return { fs, store, downloads }
  }

  partials(): readonly string[] {
    return (this.#disk.list(`${STORE_ROOT}/entrepot/partial`) ?? []).map(({ name }) => name)
  }
}

/** One client: what it has got so far, and how it ended. */
export interface Client {
  readonly bytes: () => Buffer
  readonly ended: Promise<'whole' | Error>
  readonly leave: () => void
}

/** A client that joins, and takes what comes as soon as it comes. */
export function join(
  { downloads }: Fetching,
  upstream: Upstream,
  digest: Digest,
  { name = ALPINE, first = 0, last }: { name?: MirroredName; first?: number; last?: number } = {},
): Client {
  const abort = new AbortController()
  const pieces: Buffer[] = []
  const run = async (): Promise<'whole' | Error> => {
    try {
      const content = await downloads.join(upstream, name, digest, abort.signal)
      for await (const piece of content.read(first, last, abort.signal)) pieces.push(piece)
      return 'whole'
    } catch (error) {
      if (Error.isError(error)) return error
      throw error
    }
  }
  return { bytes: () => Buffer.concat(pieces), ended: run(), leave: () => abort.abort(new Error('left')) }
}

/** Everything that can go on without time has gone on. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 50; count += 1) await turn()
}

/** Joins, and leaves the reading to the test. */
export function joined({ downloads }: Fetching, upstream: Upstream, digest: Digest): Promise<GrowingContent> {
  return downloads.join(upstream, ALPINE, digest, NEVER)
}

/** What the store holds of a blob in a repository. */
export async function stored(
  { store }: Fetching,
  digest: Digest,
  { stored: repository }: MirroredName = ALPINE,
): Promise<Buffer | undefined> {
  const found = await store.content.look('layer', repository, digest)
  if (found === undefined) return undefined
  return Buffer.concat(await Array.fromAsync(store.content.read(found, 0, found.sizeBytes - 1, NEVER)))
}
