import { may } from '../../access/may.js'
import { RegistryError } from '../../oci/failure.js'
import type { RepositoryEndpoint } from '../context.js'
import { pushable } from './pushable.js'

/** GET and HEAD /v2/<name>/blobs/<digest> (end-2). To those who may push here, HEAD is the promise that it stays. */
export const getBlob: RepositoryEndpoint<'blob'> = async ({ repository, digest }, view, context) => {
  const promise =
    context.method === 'HEAD' && view.push !== undefined && may(context.caller, 'push', repository)
  const content = await view.pull.blob(digest, { promise })
  if (content === undefined) throw new RegistryError('blob-unknown', { digest, repository })
  return {
    status: 200,
    body: { kind: 'content', content },
    pulled: { kind: 'blob', repository: view.pull.repository, content },
  }
}

/** DELETE /v2/<name>/blobs/<digest> (end-10): this repository lets go of it. */
export const deleteBlob: RepositoryEndpoint<'blob'> = async ({ repository, digest }, view, context) => {
  const push = pushable(view)
  if (!context.parts.deletesOn) throw new RegistryError('deletes-off', {})
  context.parts.space.requireExpectedStore()
  const isDeleted = await push.deleteBlob(digest, context.actor)
  if (!isDeleted) throw new RegistryError('blob-unknown', { digest, repository })
  return { status: 202 }
}
