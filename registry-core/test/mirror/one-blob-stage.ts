import { beforeEach } from '@jest/globals'

import type { MirroredName } from '#core/mirror/mirrored-name.js'

import { digestOf } from '../store-bench.js'
import { BlobUpstream } from './blob-upstream.js'
import { type Client, type Fetching, join, Machine, stored } from './download-bench.js'

/** A machine, a process on it that fetches, and an upstream that has one blob. */
export interface OneBlobStage {
  readonly machine: Machine
  readonly core: Fetching
  readonly upstream: BlobUpstream
  /** A client that asks the process for the blob. */
  join(part?: Parameters<typeof join>[3]): Client
  /** What the process holds of it. */
  stored(name?: MirroredName): Promise<Buffer | undefined>
}

/** Opens one before each test of a file. */
export function useOneBlobStage(bytes: Buffer): OneBlobStage {
  const digest = digestOf(bytes)
  let opened: Pick<OneBlobStage, 'machine' | 'core' | 'upstream'> | undefined
  beforeEach(async () => {
    const machine = new Machine()
    opened = { machine, core: await machine.start(), upstream: new BlobUpstream(bytes) }
  })
  const now = (): NonNullable<typeof opened> => {
    if (opened === undefined) throw new Error('it is opened before each test')
    return opened
  }
  return {
    get machine() {
      return now().machine
    },
    get core() {
      return now().core
    },
    get upstream() {
      return now().upstream
    },
    join: (part) => join(now().core, now().upstream, digest, part),
    stored: (name) => stored(now().core, digest, name),
  }
}
