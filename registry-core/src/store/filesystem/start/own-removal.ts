import type { Digest } from '../../../oci/digest.js'
import type { RepositoryName } from '../../../oci/repository.js'
import { errorCode, type OpenFile } from '../../fs.js'
import type { Keys } from '../../keys.js'
import type { Durable } from '../durable.js'

const BLOCK_BYTES = 256 * 1024

interface Revision {
  readonly repository: RepositoryName
  readonly digest: Digest
}

interface Parts {
  readonly keys: Keys
  readonly durable: Durable
}

/**
 * A remover of ours that is frozen while it tidies may, when it goes on, unlink the fresh `pushed` of a push that came
 * meanwhile (gc-protocol R15). True when our records name such a removal: the revision has its `pushed` again.
 */
export async function healOwnRemoval(
  parts: Parts,
  revision: Revision,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await isRecorded(parts, revision, signal))) return false
  await givePushed(parts, revision)
  return true
}

async function isRecorded(
  { keys, durable }: Parts,
  revision: Revision,
  signal: AbortSignal,
): Promise<boolean> {
  const folder = `${keys.own}/runs`
  for (const { name } of (await durable.fs.list(folder)) ?? []) {
    if (!name.endsWith('.ndjson')) continue
    const file = await durable.fs.openToRead(`${folder}/${name}`)
    if (file === undefined) continue
    try {
      for await (const line of linesOf(file, signal)) if (isRemovalOf(line, revision)) return true
    } finally {
      await file.close()
    }
  }
  return false
}

async function* linesOf(file: OpenFile, signal: AbortSignal): AsyncGenerator<string> {
  let rest = ''
  for (let position = 0; ; ) {
    signal.throwIfAborted()
    const block = Buffer.allocUnsafe(BLOCK_BYTES)
    const bytes = await file.read(block, position)
    if (bytes === 0) break
    position += bytes
    const lines = (rest + block.toString('latin1', 0, bytes)).split('\n') // repositories and digests are ASCII
    rest = lines.pop() ?? ''
    yield* lines
  }
  yield rest
}

/** A line that a crash has torn records nothing: what it was to announce was not done. */
function isRemovalOf(line: string, { repository, digest }: Revision): boolean {
  if (!line.includes(digest)) return false
  try {
    const record = JSON.parse(line) as Readonly<Record<string, unknown>>
    return (
      record['kind'] === 'delete-revision' &&
      record['repository'] === repository &&
      record['digest'] === digest
    )
  } catch {
    return false
  }
}

/** Never makes a folder, and leaves nothing where the link has gone meanwhile: `pushed` alone would keep the bytes. */
async function givePushed({ keys, durable }: Parts, { repository, digest }: Revision): Promise<void> {
  const folder = keys.linkFolder('revision', repository, digest)
  const link = durable.fs.statNow(`${folder}/link`)
  if (link === undefined) return
  const temporary = await durable.writeTemporary(new Uint8Array(), new Date(Math.ceil(link.mtimeMs)))
  try {
    await durable.fs.rename(temporary, `${folder}/pushed`)
    if (durable.fs.statNow(`${folder}/link`) === undefined) await durable.fs.unlink(`${folder}/pushed`)
    await durable.syncFolder(folder)
  } catch (error) {
    await durable.dropQuietly(temporary)
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
