import path from 'node:path'

import type { Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { Tag } from '#core/oci/reference.js'
import type { StoreObject, TrashName } from '#core/store/store.js'
import { STORE_ROOT } from '#core-test/simulated-store.js'

import { APP, blob, FRESH, image, index, type ManifestPiece, type Piece, SOURCE, tag } from './content.js'
import { blobHere, gone, manifestHere, tagTo } from './ledger.js'
import type { Machine, Running } from './world.js'

/** Where an operation takes place: the process it begins in, and others on the same machine. */
export interface Scene {
  readonly main: Running
  /** Starts a second process of the core. */
  another(): Promise<Running>
}

/** One operation of the store, from the client's request to its answer. */
export interface Scenario {
  readonly name: string
  /** Brings content back from trash, for which a disk must take a name: its reads fail while the disk does not. */
  readonly isRescue?: boolean
  /** What must be there before; nobody crashes in it. */
  prepare?(scene: Scene): Promise<void>
  /** May be done again after a crash or a fault: the same request, repeated. */
  run(scene: Scene): Promise<void>
}

const OLD = image(1)
const NEW = image(2)
const SIGNATURE = image(3, { subject: OLD })
const PARTS = index([OLD, NEW])
const SPARE = blob(4)
const UPLOADED = blob(5)
const UPLOADED_512 = blob(6, 5000, 'sha512')
const PUSHED = image(7)
/** A mirror's manifest may name what is not there: this one names nothing. */
const FETCHED = index([])
const RUN = '20260301T120000000Z-1-boot0000-000000000001'
const DAY_MS = 24 * 60 * 60 * 1000
const TREE = `${STORE_ROOT}/docker/registry/v2`
const LATEST = tag('latest')
const STABLE = tag('stable')

/** What every scenario finds: two images, three tags, a signature, spare blobs; all of it acknowledged. */
export async function prepareStore({ main: { client } }: Scene): Promise<void> {
  await client.push(APP, OLD, LATEST)
  await client.putManifest(APP, OLD, STABLE)
  await client.push(APP, NEW, tag('next'))
  await client.push(APP, SIGNATURE)
  await client.upload(APP, SPARE)
  await client.upload(SOURCE, blob(8))
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'upload in chunks', run: ({ main }) => main.client.uploadInChunks(APP, UPLOADED) },
  { name: 'upload at once', run: ({ main }) => main.client.upload(APP, UPLOADED) },
  { name: 'upload of sha512', run: ({ main }) => main.client.uploadInChunks(APP, UPLOADED_512) },
  {
    name: 'upload of sha512 that began as sha256',
    run: ({ main }) => main.client.uploadInChunks(APP, UPLOADED_512, 'sha256'),
  },
  { name: 'upload of what is there', run: ({ main }) => main.client.upload(APP, SPARE) },
  { name: 'upload to a new repository', run: ({ main }) => main.client.upload(FRESH, UPLOADED) },
  { name: 'upload over damaged bytes', prepare: damageSpare, run: uploadSpare },
  { name: 'upload that another process ends', run: uploadInTwoProcesses },
  { name: 'upload that is aborted', run: abortedUpload },
  { name: 'mount', run: ({ main }) => main.client.mount(APP, blob(8), SOURCE) },
  { name: 'mount into a new repository', run: ({ main }) => main.client.mount(FRESH, blob(8), SOURCE) },
  { name: 'push to a new repository', run: ({ main }) => main.client.push(FRESH, PUSHED, LATEST) },
  { name: 'manifest by tag', run: ({ main }) => main.client.putManifest(APP, NEW, tag('new')) },
  {
    name: 'manifest by digest',
    prepare: ({ main }) => uploadBlobs(main, PUSHED.blobs),
    run: ({ main }) => main.client.putManifest(APP, PUSHED),
  },
  { name: 'index by tag', run: ({ main }) => main.client.putManifest(APP, PARTS, tag('all')) },
  {
    name: 'manifest with a subject',
    prepare: ({ main }) => uploadBlobs(main, image(9).blobs),
    run: ({ main }) => main.client.putManifest(APP, image(9, { subject: NEW })),
  },
  { name: 'tag overwritten', run: ({ main }) => main.client.putManifest(APP, NEW, LATEST) },
  { name: 'tag deleted', run: async ({ main }) => void (await main.client.deleteTag(APP, LATEST)) },
  { name: 'tag taken', run: ({ main }) => takeTag(main, APP, LATEST, OLD.digest) },
  {
    name: 'manifest with tags deleted',
    run: async ({ main }) => void (await main.client.deleteManifest(APP, OLD, [LATEST, STABLE])),
  },
  {
    name: 'manifest with a subject deleted',
    run: async ({ main }) => void (await main.client.deleteManifest(APP, SIGNATURE, [])),
  },
  { name: 'blob deleted', run: async ({ main }) => void (await main.client.deleteBlob(APP, SPARE)) },
  { name: 'manifest fetched into a new repository', run: ({ main }) => fetchManifest(main, FRESH, LATEST) },
  {
    name: 'manifest fetched beside pushed ones',
    run: ({ main }) => fetchManifest(main, APP, tag('fetched')),
  },
  {
    name: 'fetched manifest that is deleted and fetched again',
    prepare: ({ main }) => fetchManifest(main, FRESH, LATEST),
    run: async ({ main }) => {
      await main.client.deleteManifest(FRESH, FETCHED, [LATEST])
      await fetchManifest(main, FRESH, LATEST)
    },
  },
  { name: 'push of what was condemned', isRescue: true, prepare: condemnNew, run: pushNewAgain },
  { name: 'condemned, restored and destroyed', isRescue: true, run: collectSpare },
  { name: 'purge', prepare: abandonUpload, run: purge },
]

async function uploadBlobs({ client }: Running, blobs: readonly Piece[]): Promise<void> {
  for (const one of blobs) await client.upload(APP, one)
}

/** Bytes of the wrong size under a digest, as a crash of registry:2 leaves them: they must not be trusted. */
async function damageSpare({ main: { machine, client } }: Scene): Promise<void> {
  await client.deleteBlob(APP, SPARE)
  const hex = SPARE.digest.slice('sha256:'.length)
  const inode = machine.disk.find(`${TREE}/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)
  if (inode === undefined) throw new Error('the spare blob is not there')
  machine.disk.truncate(inode, 100)
  machine.disk.syncFile(inode)
  client.ledger.damaged = SPARE.digest
}

async function uploadSpare({ main: { client } }: Scene): Promise<void> {
  await client.upload(APP, SPARE)
  client.ledger.damaged = undefined
}

async function uploadInTwoProcesses(scene: Scene): Promise<void> {
  const { client } = scene.main
  const other = await scene.another()
  const upload = await client.begin(APP)
  const { bytes } = UPLOADED
  await client.patch(APP, upload, bytes.subarray(0, 3000))
  await other.client.patch(APP, upload, bytes.subarray(3000, 6000))
  await client.patch(APP, upload, bytes.subarray(6000))
  await other.client.finish(APP, upload, UPLOADED)
}

async function abortedUpload({ main: { client } }: Scene): Promise<void> {
  const upload = await client.begin(APP)
  await client.patch(APP, upload, UPLOADED.bytes)
  await client.abort(APP, upload)
}

async function takeTag(
  { process, client, machine }: Running,
  repository: RepositoryName,
  name: Tag,
  digest: Digest,
): Promise<void> {
  const link = `${TREE}/repositories/${repository}/_manifests/tags/${name}/current/link`
  const linkedAtMs = machine.disk.stat(link)?.mtimeMs
  const change = tagTo(repository, name, 'absent')
  client.ledger.began(change)
  const outcome = await process.store.links.takeTag(repository, name, { digest, linkedAtMs: linkedAtMs ?? 0 })
  if (outcome === 'changed' && linkedAtMs !== undefined)
    throw new Error('the tag was as the condition says, and yet not taken')
  if (outcome === 'removed') client.ledger.removals = [...client.ledger.removals, { repository, name }]
  client.ledger.acknowledged(change)
}

/** A collector took the tag and condemned everything below it; nothing is destroyed yet. */
async function condemnNew({ main }: Scene): Promise<void> {
  await takeTag(main, APP, tag('next'), NEW.digest)
  for (const object of objectsOf(NEW)) await main.process.store.trash.condemn(object, RUN)
}

function objectsOf({ digest, blobs }: ManifestPiece): readonly StoreObject[] {
  return [
    { kind: 'revision', repository: APP, digest },
    { kind: 'data', digest },
    ...blobs.flatMap((piece): StoreObject[] => [
      { kind: 'layer', repository: APP, digest: piece.digest },
      { kind: 'data', digest: piece.digest },
    ]),
  ]
}

/** What a mirror writes of a manifest, once its upstream has sent it. */
async function fetchManifest(
  { process, client }: Running,
  repository: RepositoryName,
  name: Tag,
): Promise<void> {
  const { content, origins } = process.store
  const from = { host: 'quay.io', etag: undefined }
  const changes = [manifestHere(repository, FETCHED), tagTo(repository, name, FETCHED.digest)]
  client.ledger.began(...changes)
  await content.commitBytes(FETCHED.digest, FETCHED.bytes)
  await origins.publishRevision(repository, FETCHED.digest, from)
  if (!(await origins.publishTag(repository, name, FETCHED.digest, from)))
    throw new Error('what a mirror wrote is taken for a client\u2019s')
  client.ledger.acknowledged(...changes)
}

/** A client that asks (HEAD) before it uploads, as all do: what is in trash must come back. */
async function pushNewAgain({ main: { process, client } }: Scene): Promise<void> {
  const repository = process.registry.repository(APP)
  for (const { digest } of NEW.blobs)
    if ((await repository.blob(digest, { promise: true })) === undefined)
      throw new Error(`${digest} lies in trash and was not brought back`)
  await client.putManifest(APP, NEW, tag('next'))
}

/** What a collector does with a blob that nothing names, with a change of mind in between. */
async function collectSpare({ main: { process, client, machine } }: Scene): Promise<void> {
  const { trash } = process.store
  const change = gone(blobHere(APP, SPARE))
  const link: StoreObject = { kind: 'layer', repository: APP, digest: SPARE.digest }
  client.ledger.began(change)
  await trash.condemn(link, RUN)
  for (const name of trashNames(machine)) await trash.settle(name, 'restore', link)
  await trash.condemn(link, `${RUN}-2`)
  for (const name of trashNames(machine)) await trash.settle(name, 'destroy', link)
}

function trashNames({ disk }: Machine): readonly TrashName[] {
  return disk
    .walk(`${STORE_ROOT}/entrepot/trash`)
    .filter(({ kind }) => kind === 'file')
    .map(({ path: file }) => {
      const name = path.basename(file)
      return { folder: path.dirname(file), name, runId: name.slice(name.indexOf('.') + 1) }
    })
}

async function abandonUpload({ main: { client } }: Scene): Promise<void> {
  await client.patch(APP, await client.begin(APP), UPLOADED.bytes)
}

/** What the core's own housekeeping does after a week: nothing temporary is left then. */
export async function purge({
  main: { process, machine },
}: {
  readonly main: Pick<Running, 'process' | 'machine'>
}): Promise<void> {
  machine.clock.step(8 * DAY_MS)
  const limit = new Date(machine.clock.now().getTime() - 7 * DAY_MS)
  const { signal } = new AbortController()
  await process.store.stages.purge(limit, signal)
  await process.store.space.purgeTemporary(limit, signal)
  const left = ['tmp', 'uploads'].flatMap((folder) =>
    machine.disk.walk(`${STORE_ROOT}/entrepot/${folder}`).slice(1),
  )
  if (left.length > 0) throw new Error(`a purge leaves ${left.map(({ path: found }) => found).join(', ')}`)
}
