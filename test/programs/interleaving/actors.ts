import { isRegistryError } from '#core/oci/failure.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { Tag } from '#core/oci/reference.js'
import { STORE_ROOT } from '#core-test/simulated-store.js'

import { ACTOR, Client } from '../simulation/client.js'
import type { ManifestPiece } from '../simulation/content.js'
import { Ledger } from '../simulation/ledger.js'
import { textOf } from '../simulation/text-of.js'
import { imageOf, REPOSITORIES, type Town, type Worker } from './town.js'

const NEVER = new AbortController().signal

/** What a client may be told when a collector, whose leases are squeezed to nothing, was faster than its push. */
const REFUSALS: ReadonlySet<string> = new Set(['manifest-blob-unknown', 'storage-failing'])

interface Target {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly image: ManifestPiece
}

/** One client of each kind; each does a few things one after the other. */
export const ACTORS = { push, mountAndPush, retag, deleteTag, removeTag, pull } as const

function target({ chance, repositories, tags, images }: Town): Target {
  return { repository: chance.pick(repositories), tag: chance.pick(tags), image: chance.pick(images) }
}

/** A docker push: HEAD of each blob, an upload of what is not there, the manifest under a tag. */
async function push(town: Town): Promise<void> {
  const { repository, tag, image } = target(town)
  const worker = town.worker()
  await pushing(town, async () => {
    for (const blob of image.blobs) {
      const found = await worker.process.registry.repository(repository).blob(blob.digest, { promise: true })
      if (found === undefined) await new Client(worker.process, new Ledger()).upload(repository, blob)
    }
    await putManifest(town, worker, { repository, tag, image })
  })
}

/** The same, with blobs mounted from the other repository where it has them. */
async function mountAndPush(town: Town): Promise<void> {
  const { repository, tag, image } = target(town)
  const from = REPOSITORIES.find((name) => name !== repository) ?? repository
  const worker = town.worker()
  await pushing(town, async () => {
    for (const blob of image.blobs)
      await new Client(worker.process, new Ledger()).mount(repository, blob, from)
    await putManifest(town, worker, { repository, tag, image })
  })
}

/** A manifest that is pushed again under a tag, twice; its blobs should be here. */
async function retag(town: Town): Promise<void> {
  for (let time = 0; time < 2; time += 1)
    await pushing(town, () => putManifest(town, town.worker(), target(town)))
}

async function pushing(town: Town, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (isRegistryError(error) && REFUSALS.has(error.failure)) town.refused += 1
    else town.surprises.push(`a push fails: ${textOf(error)}`)
  }
}

async function putManifest(
  town: Town,
  { process }: Worker,
  { repository, tag, image }: Target,
): Promise<void> {
  await town.note(
    { repository, tag },
    { kind: 'write', value: image.digest },
    () =>
      process.registry.repository(repository).putManifest({
        bytes: image.bytes,
        contentType: image.mediaType,
        reference: { kind: 'tag', tag },
        tags: [],
        actor: ACTOR,
      }),
    () => ({ kind: 'write', value: image.digest }),
  )
  town.acknowledged.push({ repository, tag, image, at: town.tick() })
}

async function deleteTag(town: Town): Promise<void> {
  const { repository, tag } = target(town)
  const { process } = town.worker()
  await town.note(
    { repository, tag },
    { kind: 'write', value: 'absent' },
    () => process.registry.repository(repository).deleteTag(tag, ACTOR),
    (wasThere) => ({ kind: 'delete', wasThere }),
  )
}

/** A remover with a condition (eviction): it takes the tag if it is still what it has seen. */
async function removeTag(town: Town): Promise<void> {
  const { repository, tag } = target(town)
  await takeIfStill(town, town.worker(), repository, tag)
}

/** Sees what the tag is, then takes it if it still is. */
export async function takeIfStill(
  town: Town,
  { process, fs }: Worker,
  repository: RepositoryName,
  tag: Tag,
): Promise<void> {
  const link = `${STORE_ROOT}/docker/registry/v2/repositories/${repository}/_manifests/tags/${tag}/current/link`
  const stat = fs.statNow(link)
  const digest = await process.store.links.findTag(repository, tag)
  if (stat === undefined || digest === undefined) return
  await town.note(
    { repository, tag },
    { kind: 'take', value: digest, must: false },
    () => process.store.links.takeTag(repository, tag, { digest, linkedAtMs: stat.mtimeMs }),
    (answer) => ({ kind: 'take', value: digest, must: answer === 'removed' }),
  )
}

/** A docker pull: the manifest by its tag, then every blob. Whatever is answered has the right bytes. */
async function pull(town: Town): Promise<void> {
  const { repository, tag } = target(town)
  const worker = town.worker()
  const source = worker.process.registry.repository(repository)
  const digest = await town.note(
    { repository, tag },
    undefined,
    () => worker.process.store.links.findTag(repository, tag),
    (found) => ({ kind: 'read', value: found ?? 'absent' }),
  )
  const image = digest === undefined ? undefined : imageOf(digest)
  if (digest === undefined || image === undefined) return
  try {
    const manifest = await source.manifest({ kind: 'digest', digest })
    if (manifest !== undefined && !manifest.bytes.equals(image.bytes))
      town.surprises.push(`a pull of ${digest} answers other bytes`)
    for (const blob of image.blobs) await pullBlob(town, worker, repository, blob)
  } catch (error) {
    // The tag may have moved on, and a collector may have taken what it left, once that was seen here.
    const isGone = isRegistryError(error) && error.failure === 'manifest-unknown'
    const code = Error.isError(error) && 'code' in error ? error.code : undefined
    if (!isGone && code !== 'ENOENT') town.surprises.push(`a pull fails: ${textOf(error)}`)
  }
}

async function pullBlob(
  town: Town,
  { process }: Worker,
  repository: RepositoryName,
  { digest, bytes }: { readonly digest: ManifestPiece['digest']; readonly bytes: Buffer },
): Promise<void> {
  const found = await process.registry.repository(repository).blob(digest, { promise: false })
  if (found === undefined) return
  const chunks = await Array.fromAsync(process.store.content.read(found, 0, found.sizeBytes - 1, NEVER))
  if (!Buffer.concat(chunks).equals(bytes)) town.surprises.push(`a pull of ${digest} answers other bytes`)
}
