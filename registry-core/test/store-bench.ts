import { createHash } from 'node:crypto'

import { type Algorithm, type Digest, parseDigest } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { parseTag } from '#core/oci/reference.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'

import { seededBytes } from './seeded-chance.js'

/** A store under test in a folder of its own. */
export interface StoreUnderTest {
  /** The process that the tests talk to. */
  readonly store: OpenedStore
  /** Another process on the same files. */
  another(): Promise<OpenedStore>
  /** Writes over a file of the store, as rot or an operator would; the path is relative to the root. */
  damage(path: string, bytes: Buffer): Promise<void>
  remove(): Promise<void>
}

/** The store of the running test. */
export interface StoreBench {
  readonly store: () => OpenedStore
  readonly another: () => Promise<OpenedStore>
  readonly damage: (path: string, bytes: Buffer) => Promise<void>
}

export const APP = parseRepositoryName('team/app')
export const OTHER = parseRepositoryName('team/other')
export const LATEST = parseTag('latest')
export const NEVER: AbortSignal = new AbortController().signal
export const RUN = '20260301T120000000Z-1-boot0000-000000000001'

/** Bytes that differ with the seed. */
export function bytesOf(seed: number, sizeBytes = 3000): Buffer {
  return seededBytes(seed, sizeBytes)
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
}

export async function* body(...chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* chunks
}

/** Uploads bytes in one session and commits them under their digest; nobody links them yet. */
export async function stageBytes(
  store: OpenedStore,
  bytes: Buffer,
  algorithm: Algorithm = 'sha256',
): Promise<Digest> {
  const upload = await store.stages.begin(APP, algorithm)
  const stage = await store.stages.claim(APP, upload, NEVER)
  if (stage === undefined) throw new Error('the session is gone')
  await stage.append(body(bytes))
  const digest = digestOf(bytes, algorithm)
  await stage.commit(digest)
  return digest
}

/** A blob that the repository holds. */
export async function putLayer(store: OpenedStore, bytes: Buffer, repository = APP): Promise<Digest> {
  const digest = await stageBytes(store, bytes)
  await store.links.publishLayer(repository, digest, digest)
  return digest
}

/** A manifest (any bytes will do here) that the repository holds. */
export async function putRevision(store: OpenedStore, bytes: Buffer, repository = APP): Promise<Digest> {
  const digest = digestOf(bytes)
  await store.content.commitBytes(digest, bytes)
  await store.links.publishRevision(repository, digest)
  return digest
}

/** All bytes of a blob; undefined when the repository does not hold it. */
export async function readLayer(
  store: OpenedStore,
  digest: Digest,
  repository = APP,
): Promise<Buffer | undefined> {
  const found = await store.content.look('layer', repository, digest)
  if (found === undefined) return undefined
  return Buffer.concat(await Array.fromAsync(store.content.read(found, 0, found.sizeBytes - 1, NEVER)))
}

/** Where the bytes of a digest lie, relative to the root. */
export function dataPath(digest: Digest): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return `docker/registry/v2/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`
}
