import type { Clock } from '../../system/clock.js'
import type { Identity } from '../../system/identity.js'
import type { Log } from '../../system/log.js'
import type { Random } from '../../system/random.js'
import type { Fs } from '../fs.js'
import { FileJournal } from '../journal.js'
import { Keys } from '../keys.js'
import type { Store } from '../store.js'
import { FileBookmarks } from './bookmarks.js'
import { FileContent } from './content.js'
import { Durable } from './durable.js'
import { FetchedTags } from './fetched-tags.js'
import { findForeignWriter } from './start/foreign-writer.js'
import { healOwnRemoval } from './start/own-removal.js'
import { LinkReader } from './link-file.js'
import { FileLinks } from './links.js'
import { Listings } from './listing.js'
import { Looker } from './look.js'
import { openMarker } from './start/marker.js'
import { becomeOnlyWriter } from './start/only-writer.js'
import { OriginReader } from './origin-file.js'
import { FileOrigins } from './origins.js'
import { FilePartials } from './partials.js'
import { Presence } from './presence.js'
import { FileRecords } from './records.js'
import { ReferrersIndex } from './referrers-index.js'
import { testFileSystem } from './start/self-test.js'
import { openSharedSecret } from './shared-secret.js'
import { FileSpace } from './space.js'
import { FileStages } from './sessions/stages.js'
import { TagTakes } from './tag-takes.js'
import { FileTags } from './tags.js'
import { FileTrash } from './trash.js'
import { WriteHealth } from './write-health.js'

export interface StoreOptions {
  /** An existing folder: the root of registry:2's volume. */
  readonly root: string
  readonly fs: Fs
  readonly clock: Clock
  readonly random: Random
  readonly identity: Identity
  readonly log: Log
  /** The id that the store must have; undefined: any. */
  readonly expectedId?: string | undefined
  /** Bytes kept free; undefined: 1 % of the disk, 256 MiB at most. */
  readonly reserveBytes?: number | undefined
  /** Whether a second process shares these files; open-on-disk.ts tries it. */
  readonly trySecondProcess: (folder: string) => Promise<boolean>
}

/** A store on a file system, and what its parts say of their state. */
export interface OpenedStore extends Store {
  readonly id: string
  /** Whether it is the store that the configuration names, if it names one: only then is anything removed from it. */
  readonly isExpected: boolean
  /** The folder was marked at this start. */
  readonly isNew: boolean
  /** What the file system cannot do, undefined when that could not be tried. Unless it is empty nothing may be collected. */
  readonly faults: readonly string[] | undefined
  /** Why no pushes are taken; undefined while they are. */
  refusal(): string | undefined
  /** What a person should know, in sentences; serving goes on. */
  warnings(): readonly string[]
  /** Looks for a live registry:2 on the volume; said in `warnings`. */
  lookForForeignWriter(signal: AbortSignal): Promise<void>
}

/** Opens the store under `root`; marks an unmarked one. @throws when the marker is damaged or the folder cannot be written */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const { fs, clock, random, identity } = options
  const keys = new Keys(options.root)
  const health = new WriteHealth(clock)
  const durable = new Durable({ fs, root: keys.root, temporary: keys.temporary, random, clock, health })
  const { marker, isNew } = await openMarker({ keys, durable, clock, random })
  const tried = await testFileSystem(
    { fs, keys, name: `self-test-${random.hex(8)}` },
    options.trySecondProcess,
  )
  const faults = tried ?? []
  const giveUpPlace =
    faults.length === 0 ? undefined : await becomeOnlyWriter({ keys, durable, identity }, faults)
  const listings = new Listings({ fs, clock })
  const mismatch = findMismatch(options.expectedId, marker.id)
  const parts = openParts(options, { keys, durable, health, listings, mismatch })
  let foreignWriter: string | undefined
  return {
    ...parts,
    ...{ id: marker.id, isExpected: mismatch === undefined, isNew, faults: tried },
    refusal: () => mismatch ?? health.cause,
    warnings: () => [
      ...faults.map(sentenceOfFault),
      ...(tried === undefined ? [UNTRIED] : []),
      ...(foreignWriter === undefined ? [] : [foreignWriter]),
    ],
    async lookForForeignWriter(signal) {
      const trace = await findForeignWriter(
        {
          ...{ fs, keys, listings, clock },
          heal: async (repository, digest) =>
            mismatch === undefined && healOwnRemoval({ keys, durable }, { repository, digest }, signal),
        },
        Date.parse(marker.createdAt),
        signal,
      )
      foreignWriter = trace && `another program (registry:2?) writes this volume: ${trace}; stop that process`
    },
    async close() {
      await parts.bookmarks.close()
      await parts.journal.close()
      await parts.records.close()
      await giveUpPlace?.()
    },
  }
}

interface Shared {
  readonly keys: Keys
  readonly durable: Durable
  readonly health: WriteHealth
  readonly listings: Listings
  readonly mismatch: string | undefined
}

function openParts(
  { fs, clock, random, identity, log, reserveBytes }: StoreOptions,
  { keys, durable, health, listings, mismatch }: Shared,
) {
  const looker = new Looker({ keys, durable, clock })
  const linkReader = new LinkReader({ fs, clock, log })
  const originReader = new OriginReader({ fs, keys, clock })
  const records = new FileRecords({ keys, durable, health, clock, identity })
  const takes = new TagTakes({ keys, durable, identity, linkReader })
  const tags = new FileTags({ keys, durable, clock, records, takes, originReader })
  const fetchedTags = new FetchedTags({ keys, durable, clock, tags, takes, linkReader, originReader })
  const presence = new Presence({ keys, durable, clock, identity })
  const space = new FileSpace({ keys, durable, health, reserveBytes, mismatch })
  const referrersIndex = new ReferrersIndex({ keys, durable, log })
  return {
    content: new FileContent({ keys, durable, looker, linkReader, identity, log }),
    stages: new FileStages({ keys, durable, health, clock, random, identity }),
    links: new FileLinks({ keys, durable, clock, listings, records, tags, referrersIndex }),
    origins: new FileOrigins({ keys, durable, clock, fetchedTags, originReader }),
    trash: new FileTrash({ keys, durable }),
    partials: new FilePartials({ keys, durable, health, random, identity, presence, space }),
    space,
    bookmarks: new FileBookmarks({ keys, durable, clock, identity, presence }),
    journal: new FileJournal({ fs, folder: `${keys.own}/journal`, clock, identity, log }),
    records,
    secret: openSharedSecret({ keys, durable }),
  }
}

function sentenceOfFault(fault: string): string {
  return `the file system is not safe for two processes, so this one is alone, and nothing is collected: ${fault}`
}

const UNTRIED =
  'the disk was full, or mounted read-only, when this process started, so that its file system could not be tested, and nothing is collected; mend that, then start it again'

function findMismatch(expectedId: string | undefined, id: string): string | undefined {
  if (expectedId === undefined || expectedId === id) return undefined
  return `the configuration names the store ${expectedId}, this is ${id}: is the right disk mounted?`
}
