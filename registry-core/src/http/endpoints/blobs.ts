import { may } from '../../access/may.js'
import { RegistryError } from '../../oci/failure.js'
import type { RepositoryEndpoint } from '../context.js'
import type { Blob } from '../../registry/source.js'
import type { AnswerBody } from '../answer.js'
import { pushable } from './pushable.js'

/** GET and HEAD /v2/<name>/blobs/<digest> (end-2). To those who may push here, HEAD is the promise that it stays. */
export const getBlob: RepositoryEndpoint<'blob'> = async ({ repository, digest }, view, context) => {
  const isHead = context.method === 'HEAD'
  const promise = isHead && view.push !== undefined && may(context.caller, 'push', repository)
  const { signal } = context
  const found = await view.pull.blob(digest, { promise, wantsBytes: !isHead, signal })
  if (found === undefined) throw new RegistryError('blob-unknown', { digest, repository })
  const { value, served } = found
  const { content } = value
  return {
    status: 200,
    served,
    body: bodyOf(value),
    pulled: { kind: 'blob', repository: content.repository, digest, sizeBytes: content.sizeBytes ?? 0 },
  }
}

function bodyOf(blob: Blob): AnswerBody {
  return blob.kind === 'stored' ? { kind: 'content', content: blob.content } : blob
}

/** DELETE /v2/<name>/blobs/<digest> (end-10): this repository lets go of it. */
export const deleteBlob: RepositoryEndpoint<'blob'> = async ({ repository, digest }, view, context) => {
  const push = pushable(view)
  if (!context.parts.deletesOn) throw new RegistryError('deletes-off', {})
  context.parts.space.requireExpectedStore()
  const isDeleted = !view.hidesLayers && (await push.deleteBlob(digest, context.actor))
  if (!isDeleted) throw new RegistryError('blob-unknown', { digest, repository })
  return { status: 202 }
}
