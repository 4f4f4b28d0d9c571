import type { Hash } from 'node:crypto'
import type { Digest } from '../../../oci/digest.js'
import type { RegistryError } from '../../../oci/failure.js'
import type { Fs } from '../../fs.js'
import type { WriteHealth } from '../write-health.js'
import type { SessionFiles, Settled } from './session-files.js'

/** What a process keeps of a session it has settled, so that its next request goes on without reading. */
export interface Resumable {
  readonly state: Settled
  readonly hash: Hash
}

/** What a stage is given of the sessions that it is one of. */
export interface StageParts {
  readonly fs: Fs
  readonly files: SessionFiles
  readonly health: WriteHealth
  readonly boot: string
  /** Uploads that are being written in this process now. */
  readonly active: () => number
  /** gc-protocol §4. */
  readonly commit: (digest: Digest, path: string, sizeBytes: number) => Promise<void>
  /** Ends a session whose data has been committed. */
  readonly end: () => Promise<void>
  /** What to say when something of the session is missing. */
  readonly whyLost: (cause?: unknown) => Promise<RegistryError>
  /** Ends a session of which nothing is to stay, unless another writer goes on with it. */
  readonly remove: () => Promise<unknown>
  /** Called once when the stage has ended, with what the next request of this process can go on from. */
  readonly ended: (resumable: Resumable | undefined) => void
}
