import {
  EVERY_MANIFEST_TYPE,
  type Answer,
  type Call,
  type RegistryClient,
} from '../../support/registry-client.js'
import { readIndex, readRepositories, readTags } from '../../api/suite/read.js'
import type { Pool } from './pool.js'
import { BLOBS, LAYERS, REVISIONS } from './story.js'

/** Everything that a client can find out of a repository. */
export interface Seen {
  readonly manifests: ReadonlySet<number>
  readonly heads: ReadonlySet<number>
  readonly tagged: ReadonlySet<number>
  readonly listed: ReadonlySet<number>
  readonly referrers: ReadonlySet<number>
  readonly blobs: ReadonlySet<string>
  readonly blobHeads: ReadonlySet<string>
  readonly mounted: ReadonlySet<string>
  readonly isInCatalog: boolean
}

export interface Asked {
  readonly client: RegistryClient
  /** As the client writes it. */
  readonly name: string
  readonly query: string
  /** As the catalog has it. */
  readonly stored: string
  /** Where blobs are mounted to; nothing is tried without. */
  readonly target: { readonly client: RegistryClient; readonly repository: string } | undefined
}

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

/** Asks all of it. */
export async function look(asked: Asked, pool: Pool): Promise<Seen> {
  const { client, name, query, target } = asked
  const has = async (method: 'GET' | 'HEAD', what: string): Promise<boolean> => {
    const call: Call = { method, target: `/v2/${name}/${what}${query}`, headers: ACCEPT }
    return isThere(await client.send(call))
  }
  const digest = (revision: number): string => pool.images[revision]?.manifest.descriptor.digest ?? ''
  const blob = (key: string): string => pool.blobs.get(key) ?? ''
  return {
    manifests: await those(REVISIONS, (one) => has('GET', `manifests/${digest(one)}`)),
    heads: await those(REVISIONS, (one) => has('HEAD', `manifests/${digest(one)}`)),
    tagged: await those(REVISIONS, (one) => has('GET', `manifests/${tagOf(one)}`)),
    ...(await listed(asked, digest)),
    blobs: await those(BLOBS, (key) => has('GET', `blobs/${blob(key)}`)),
    blobHeads: await those(BLOBS, (key) => has('HEAD', `blobs/${blob(key)}`)),
    mounted: await those(target === undefined ? [] : LAYERS, async (key) => {
      const where = `/v2/${target?.repository}/blobs/uploads/?mount=${blob(key)}&from=${name}`
      return (await target?.client.post(where))?.status === 201
    }),
  }
}

/** Each revision has a tag of its own. */
export function tagOf(revision: number): string {
  return `v${revision}`
}

async function listed({ client, name, query, stored }: Asked, digest: (revision: number) => string) {
  const [tags, referrers, catalog] = [
    await client.get(`/v2/${name}/tags/list${query}`),
    await client.get(`/v2/${name}/referrers/${digest(0)}${query}`),
    // From shortly before it: the store of all stories has many.
    await client.get(`/v2/_catalog?n=100&last=${stored.slice(0, -1)}`),
  ]
  const names = isThere(tags) ? readTags(tags) : []
  const digests = isThere(referrers) ? readIndex(referrers.body).map((each) => each.digest) : []
  return {
    listed: new Set(REVISIONS.filter((one) => names.includes(tagOf(one)))),
    referrers: new Set(REVISIONS.filter((one) => digests.includes(digest(one)))),
    isInCatalog: isThere(catalog) && readRepositories(catalog).includes(stored),
  }
}

/** What is refused does not exist for this client, by whichever word. @throws when the registry itself is in trouble */
function isThere({ status, call, body }: Answer): boolean {
  if (status >= 500) throw new Error(`${call.method} ${call.target}: ${status} ${body.toString()}`)
  return status === 200
}

async function those<T>(all: readonly T[], is: (one: T) => Promise<boolean>): Promise<ReadonlySet<T>> {
  const found = await Promise.all(all.map(is))
  return new Set(all.filter((_, at) => found[at]))
}
