import type { Operation } from './register.js'

/** An operation on one register: a tag, or what a repository holds by digest. */
export interface Entry extends Operation {
  /** `<repository>:<tag>`, or `<repository>@<digest>` with the value `here` while it is there. */
  readonly register: string
}

/** What one client process is told. */
export interface ClientOrders {
  readonly seed: number
  /** Lists the URLs of all processes that serve the volume, as JSON; each request goes to one of them by chance. */
  readonly registriesFile: string
  readonly milliseconds: number
  /** The registries are killed meanwhile: a connection that breaks is no finding. */
  readonly areKilled: boolean
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
  /** Blobs that every client pushes to, deletes from and mounts from one repository, made from these words. */
  readonly sharedBlobs: readonly string[]
  /** Where the history goes, an entry a line. */
  readonly historyFile: string
}

/** What one client process says at its end: its only line on stdout. */
export interface ClientReport {
  readonly requests: number
  readonly pushed: number
  readonly mounted: number
  readonly deleted: number
  readonly pulledWhole: number
  readonly brokenConnections: number
  /** Sentences: what no registry may answer, whatever others do meanwhile. */
  readonly broken: readonly string[]
}

/** Monotonic, and the same for every process of this machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
