import type { Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { Tag } from '#core/oci/reference.js'
import type { StoreObject } from '#core/store/store.js'
import type { FakeClock } from '#core-test/fake-clock.js'
import { type Chance, seededChance } from '#core-test/seeded-chance.js'
import type { SimulatedDisk } from '#core-test/simulated-disk.js'
import type { SimulatedFs } from '#core-test/simulated-fs.js'
import type { OpenedProcess } from '#core-test/simulated-store.js'

import { blob, type ManifestPiece, manifestOf, repository, tag } from '../simulation/content.js'
import type { TagEvent, TagOperation, TagValue } from './history.js'

/** One of the processes that share the disk. */
export interface Worker {
  readonly fs: SimulatedFs
  readonly process: OpenedProcess
}

/** Where everybody meets: the same repositories, tags and images, so that they get in each other's way. */
export const REPOSITORIES: readonly RepositoryName[] = [repository('team/a'), repository('team/b')]
export const FIRST_TAG = tag('x')
export const TAGS: readonly Tag[] = [FIRST_TAG, tag('y')]

const SHARED = blob(100, 700)
export const FIRST_IMAGE = manifestOf([blob(101, 600), SHARED])
/** Three images; two of them share a layer. */
export const IMAGES: readonly ManifestPiece[] = [
  FIRST_IMAGE,
  manifestOf([blob(102, 600), SHARED]),
  manifestOf([blob(103, 600), blob(104, 600)]),
]

/** Everything of these images in these repositories that a collector can condemn. */
function objectsOf(
  repositories: readonly RepositoryName[],
  images: readonly ManifestPiece[],
): readonly StoreObject[] {
  const blobs = [...new Set(images.flatMap((image) => image.blobs.map(({ digest }) => digest)))]
  return [
    ...[...blobs, ...images.map(({ digest }) => digest)].map(
      (digest): StoreObject => ({ kind: 'data', digest }),
    ),
    ...repositories.flatMap((name) => [
      ...blobs.map((digest): StoreObject => ({ kind: 'layer', repository: name, digest })),
      ...images.map(({ digest }): StoreObject => ({ kind: 'revision', repository: name, digest })),
    ]),
  ]
}

/** A push that was answered with 201. */
export interface Acknowledged {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly image: ManifestPiece
  readonly at: number
}

/** What happened to each tag, and what was acknowledged. */
export class Town {
  readonly disk: SimulatedDisk
  readonly clock: FakeClock
  readonly chance: Chance
  readonly workers: readonly Worker[]
  /** What the clients of this run do it to: the less, the more they meet. */
  readonly repositories: readonly RepositoryName[]
  readonly tags: readonly Tag[]
  readonly images: readonly ManifestPiece[]
  /** What its collectors may condemn. */
  readonly objects: readonly StoreObject[]
  readonly acknowledged: Acknowledged[] = []
  /** What no client should have been told. */
  readonly surprises: string[] = []
  /** Pushes that were refused because a collector was faster than a promise (its leases are squeezed to nothing). */
  refused = 0
  readonly #events = new Map<string, TagEvent[]>()
  #time = 0

  constructor(parts: Pick<Town, 'disk' | 'clock' | 'chance' | 'workers'>) {
    this.disk = parts.disk
    this.clock = parts.clock
    this.chance = parts.chance
    this.workers = parts.workers
    this.repositories = parts.chance.happens(0.3) ? REPOSITORIES : REPOSITORIES.slice(0, 1)
    this.tags = parts.chance.happens(0.2) ? TAGS : TAGS.slice(0, 1)
    this.images = IMAGES.slice(parts.chance.below(IMAGES.length), 1 + parts.chance.below(IMAGES.length))
    if (this.images.length === 0) this.images = IMAGES
    this.objects = objectsOf(this.repositories, this.images)
  }

  /** What was pushed before the run. */
  begin(repository: RepositoryName, tag: Tag, image: ManifestPiece): void {
    const operation: TagOperation = { kind: 'write', value: image.digest }
    this.#eventsOf(repository, tag).push({ operation, begunAt: this.tick(), endedAt: this.tick() })
    this.acknowledged.push({ repository, tag, image, at: this.tick() })
  }

  worker(): Worker {
    return this.chance.pick(this.workers)
  }

  /** Each answer and each request has a time of its own. */
  tick(): number {
    this.#time += 1
    return this.#time
  }

  /** Notes an operation on a tag: from its request until its answer; without one it stays open. */
  async note<T>(
    at: { readonly repository: RepositoryName; readonly tag: Tag },
    guess: TagOperation | undefined,
    work: () => Promise<T>,
    answered: (answer: T) => TagOperation,
  ): Promise<T> {
    const events = this.#eventsOf(at.repository, at.tag)
    const begunAt = this.tick()
    const index = guess === undefined ? -1 : events.length
    if (guess !== undefined) events.push({ operation: guess, begunAt, endedAt: Number.POSITIVE_INFINITY })
    const answer = await work()
    const event = { operation: answered(answer), begunAt, endedAt: this.tick() }
    if (index >= 0) events[index] = event
    else events.push(event)
    return answer
  }

  /** What is known of a tag up to now, and a last look at it. */
  historyOf(repository: RepositoryName, tag: Tag, seen: TagValue): readonly TagEvent[] {
    const now = this.tick()
    const read: TagEvent = { operation: { kind: 'read', value: seen }, begunAt: now, endedAt: this.tick() }
    return [...this.#eventsOf(repository, tag), read]
  }

  /** The histories as they are now, for a look at a disk that a power cut leaves now. */
  freeze(): Pick<Town, 'historyOf' | 'clock'> {
    const { disk, clock, workers } = this
    const copy = new Town({ disk, clock, workers, chance: seededChance(0) })
    for (const [key, events] of this.#events) copy.#events.set(key, [...events])
    copy.#time = this.#time
    return copy
  }

  #eventsOf(repository: RepositoryName, tag: Tag): TagEvent[] {
    const key = `${repository}:${tag}`
    const events = this.#events.get(key) ?? []
    this.#events.set(key, events)
    return events
  }
}

export function imageOf(digest: Digest): ManifestPiece | undefined {
  return IMAGES.find((image) => image.digest === digest)
}
