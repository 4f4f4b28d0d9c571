import { digestOfBytes } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { manifestBytes } from '../scripted-server.js'

/* The image that the tests of an upstream pull. */

export const ALPINE = parseRepositoryName('library/alpine')
export const LATEST = parseReference('latest')
/** Where it is asked for by its tag. */
export const MANIFEST = '/v2/library/alpine/manifests/latest'
export const BYTES = manifestBytes('alpine')
export const DIGEST = digestOfBytes('sha256', BYTES)
/** Of another one. */
export const OTHER = digestOfBytes('sha256', Buffer.from('other'))
