import { RegistryError } from '../../oci/failure.js'
import { MANIFEST_LIMIT_BYTES } from '../../oci/manifest.js'
import { referenceText } from '../../oci/reference.js'
import { warningHeader } from '../answer.js'
import type { RepositoryEndpoint } from '../context.js'
import { pushable } from './pushable.js'

/** GET and HEAD /v2/<name>/manifests/<reference> (end-3): the bytes that were pushed. */
export const getManifest: RepositoryEndpoint<'manifest'> = async (call, { pull }, { caller, signal }) => {
  const { repository, reference } = call
  const found = await pull.manifest(reference, { countsAsPull: caller.countsAsPull, signal })
  if (found === undefined)
    throw new RegistryError('manifest-unknown', { reference: referenceText(reference), repository })
  const { value: manifest, served } = found
  const { digest, mediaType, bytes } = manifest
  return {
    status: 200,
    served,
    headers: { 'Docker-Content-Digest': digest },
    body: { kind: 'bytes', bytes, type: mediaType, etag: `"${digest}"` },
    pulled: {
      kind: 'manifest',
      repository: manifest.repository,
      manifest,
      tag: reference.kind === 'tag' ? reference.tag : undefined,
    },
  }
}

/** PUT /v2/<name>/manifests/<reference> (end-7a, end-7b). */
export const putManifest: RepositoryEndpoint<'manifest'> = async (call, view, context) => {
  const { repository, reference } = call
  const push = pushable(view)
  if (call.tags.length > 0 && reference.kind === 'tag')
    throw new RegistryError('target-malformed', { why: 'further tags need a digest in the path' })
  const { body } = context
  await context.parts.space.reserve(body.declaredBytes ?? 0)
  const bytes = await body.collect(
    MANIFEST_LIMIT_BYTES,
    () => new RegistryError('manifest-too-large', { limitBytes: MANIFEST_LIMIT_BYTES }),
  )
  const put = await push.putManifest({
    bytes,
    contentType: context.headers['content-type'],
    reference,
    tags: call.tags,
    immutableRule: (tag) => context.parts.access.immutableRule(repository, tag),
    actor: context.actor,
  })
  return {
    status: 201,
    headers: {
      Location: `/v2/${repository}/manifests/${put.digest}`,
      'Docker-Content-Digest': put.digest,
      ...(put.subject && { 'OCI-Subject': put.subject }),
      ...(call.tags.length > 0 && { 'OCI-Tag': call.tags.join(', ') }),
      ...warningHeader([...put.warnings, ...[view.pushWarning?.() ?? []].flat()]),
    },
  }
}

/** DELETE /v2/<name>/manifests/<reference> (end-9): one tag, or the revision with all its tags. */
export const deleteManifest: RepositoryEndpoint<'manifest'> = async (call, view, context) => {
  const { repository, reference } = call
  const push = pushable(view)
  if (!context.parts.deletesOn) throw new RegistryError('deletes-off', {})
  context.parts.space.requireExpectedStore()
  const isDeleted =
    reference.kind === 'tag'
      ? await push.deleteTag(reference.tag, context.actor)
      : await push.deleteManifest(reference.digest, context.actor)
  if (!isDeleted)
    throw new RegistryError('manifest-unknown', { reference: referenceText(reference), repository })
  return { status: 202 }
}
