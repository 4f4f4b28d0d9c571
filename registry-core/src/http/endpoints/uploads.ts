import { may, pullRights } from '../../access/may.js'
import { algorithmOf, type Digest } from '../../oci/digest.js'
import { parseContentRange } from '../../oci/content-range.js'
import { isRegistryError, RegistryError } from '../../oci/failure.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Stage } from '../../store/store.js'
import type { LocalRepository } from '../../registry/source.js'
import type { Answer } from '../answer.js'
import type { Context, RepositoryEndpoint } from '../context.js'
import type { RequestBody } from '../body.js'
import type { CallOf } from '../target.js'
import { pushable } from './pushable.js'

/** POST /v2/<name>/blobs/uploads/: begins a session (end-4a, end-4c), takes a whole blob (end-4b), or mounts (end-11). */
export const beginUpload: RepositoryEndpoint<'uploads'> = async (call, view, context) => {
  const push = pushable(view)
  context.parts.space.requireExpectedStore()
  if (call.mount && (await mounted(call, call.mount, push, context)))
    return committed(call.repository, call.mount)
  await context.parts.space.reserve(context.body.declaredBytes ?? 0)
  const digest = call.mount === undefined ? call.digest : undefined
  const algorithm = call.algorithm ?? (digest ? algorithmOf(digest) : 'sha256')
  const upload = await push.beginUpload(algorithm)
  if (digest === undefined) return { status: 202, headers: where(call.repository, upload, 0) }
  await takeWhole(push, upload, digest, context)
  return committed(call.repository, digest)
}

/** A session of this request alone: whatever goes wrong, nothing of it stays. */
async function takeWhole(
  push: LocalRepository,
  upload: string,
  digest: Digest,
  context: Context,
): Promise<void> {
  try {
    const stage = await push.claimUpload(upload, context.signal())
    await appended(stage, context.body, undefined)
    await push.finishUpload(stage, digest, context.actor)
  } catch (error) {
    // The first failure is the one to answer; a session that stays ends with the stale ones.
    await push.abortUpload(upload).catch(() => undefined)
    throw error
  }
}

/** Without the right to pull from the source, or without a source, it is an ordinary upload (attack row 40). */
async function mounted(
  { from }: CallOf<'uploads'>,
  digest: Digest,
  push: LocalRepository,
  context: Context,
): Promise<boolean> {
  if (from === undefined || !may(context.caller, 'pull', from)) return false
  return (await isPullable(digest, from, context)) && push.mount(digest, from, context.actor)
}

/** What an upstream gives to our account only is no source for whoever may not see it there (attack row 60). */
async function isPullable(digest: Digest, from: RepositoryName, context: Context): Promise<boolean> {
  const { parts, caller, signal } = context
  if ((await parts.content.look('layer', from, digest)) === undefined) return false
  const asked = { place: { kind: 'registry' }, namespace: undefined, repository: from } as const
  try {
    const { pull } = await parts.views.open({
      ...asked,
      client: context.from.address,
      ...pullRights(caller, from),
    })
    return (await pull.blob(digest, { promise: false, wantsBytes: false, signal })) !== undefined
  } catch (error) {
    if (isRegistryError(error)) return false
    throw error
  }
}

/** PATCH on a session (end-5): one more chunk, or the whole blob as a stream. */
export const appendToUpload: RepositoryEndpoint<'upload'> = async (call, view, context) => {
  const stage = await claimed(call, pushable(view), context)
  await appended(stage, context.body, context.headers['content-range'])
  const { offset } = stage
  await stage.settle()
  return { status: 202, headers: where(call.repository, call.upload, offset) }
}

/** PUT on a session (end-6): with the last chunk, the whole blob, or nothing more. */
export const finishUpload: RepositoryEndpoint<'upload'> = async (call, view, context) => {
  const push = pushable(view)
  if (call.digest === undefined) throw new RegistryError('digest-missing', {})
  const stage = await claimed(call, push, context)
  await appended(stage, context.body, context.headers['content-range'])
  await push.finishUpload(stage, call.digest, context.actor)
  return committed(call.repository, call.digest)
}

/** GET on a session (end-13): where it stands. */
export const getUpload: RepositoryEndpoint<'upload'> = async (call, view) => {
  const state = await pushable(view).findUpload(call.upload)
  if (state === undefined) throw new RegistryError('upload-unknown', { upload: call.upload })
  return { status: 204, headers: where(call.repository, call.upload, state.offset) }
}

/** DELETE on a session (end-14): gives it up. */
export const abortUpload: RepositoryEndpoint<'upload'> = async ({ upload }, view, context) => {
  const push = pushable(view)
  context.parts.space.requireExpectedStore()
  if (!(await push.abortUpload(upload))) throw new RegistryError('upload-unknown', { upload })
  return { status: 204 }
}

async function claimed(
  { upload }: CallOf<'upload'>,
  push: LocalRepository,
  context: Context,
): Promise<Stage> {
  await context.parts.space.reserve(context.body.declaredBytes ?? 0)
  return push.claimUpload(upload, context.signal())
}

/** Appends the body. Whatever goes wrong, the session is let go and stays usable at its offset. */
async function appended(stage: Stage, body: RequestBody, contentRange: string | undefined): Promise<void> {
  try {
    if (contentRange === undefined) {
      if (body.isAnnounced) await stage.append(body)
      return
    }
    const { first, last } = parseContentRange(contentRange)
    if (first !== stage.offset)
      throw new RegistryError('chunk-out-of-order', { sent: first, expected: stage.offset })
    const declared = last - first + 1
    if (body.declaredBytes !== undefined && body.declaredBytes !== declared)
      throw new RegistryError('size-mismatch', { declared, received: body.declaredBytes })
    await stage.append(atMost(declared, body), declared)
  } catch (error) {
    // The first failure is the one to answer.
    await stage.settle().catch(() => undefined)
    throw error
  }
}

/** The body, but not much more of it than was declared: the stage refuses what is longer. */
async function* atMost(declared: number, body: RequestBody): AsyncGenerator<Buffer, void, void> {
  for await (const piece of body) {
    yield piece
    if (body.receivedBytes > declared) return
  }
}

function where(repository: RepositoryName, upload: string, offset: number): Record<string, string> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${upload}`,
    // The last byte, not their number: nothing and one byte read the same, as in registry:2.
    Range: `0-${Math.max(0, offset - 1)}`,
    'Docker-Upload-UUID': upload,
  }
}

function committed(repository: RepositoryName, digest: Digest): Answer {
  return {
    status: 201,
    headers: {
      Location: `/v2/${repository}/blobs/${digest}`,
      'Docker-Content-Digest': digest,
    },
  }
}
