import { type Failure, type FailureDetail, isRegistryError, RegistryError } from '../oci/failure.js'
import { errorCode } from '../store/fs.js'
import { type Answer, json } from './answer.js'
import type { Call, CallOf } from './target.js'

/** The closed list of the distribution-spec ("Error Codes"), and the four of ours that docs/reference names. */
export type OciCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED'

/** How a failure reads on the wire. */
export interface ErrorRow {
  readonly status: number
  readonly code: OciCode
}

/** The only table of statuses and codes: complete, or it does not compile. */
export const ERRORS: { readonly [F in Failure]: ErrorRow } = {
  'target-malformed': { status: 400, code: 'NAME_INVALID' },
  'target-too-long': { status: 414, code: 'NAME_INVALID' },
  'endpoint-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'header-malformed': { status: 400, code: 'UNSUPPORTED' },
  'tls-expected': { status: 400, code: 'UNSUPPORTED' },
  'method-unsupported': { status: 405, code: 'UNSUPPORTED' },
  'body-too-large': { status: 413, code: 'SIZE_INVALID' },
  'request-timeout': { status: 408, code: 'UNAVAILABLE' },
  'page-number-invalid': { status: 400, code: 'PAGINATION_NUMBER_INVALID' },
  'name-invalid': { status: 400, code: 'NAME_INVALID' },
  'name-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'namespace-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'tag-invalid': { status: 400, code: 'MANIFEST_INVALID' },
  'too-many-tags': { status: 414, code: 'MANIFEST_INVALID' },
  'digest-malformed': { status: 400, code: 'DIGEST_INVALID' },
  'digest-mismatch': { status: 400, code: 'DIGEST_INVALID' },
  'digest-missing': { status: 400, code: 'DIGEST_INVALID' },
  'algorithm-unsupported': { status: 400, code: 'DIGEST_INVALID' },
  'blob-unknown': { status: 404, code: 'BLOB_UNKNOWN' },
  'range-unsatisfiable': { status: 416, code: 'SIZE_INVALID' },
  'upload-unknown': { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  'upload-taken-over': { status: 409, code: 'BLOB_UPLOAD_INVALID' },
  'chunk-out-of-order': { status: 416, code: 'BLOB_UPLOAD_INVALID' },
  'size-mismatch': { status: 400, code: 'SIZE_INVALID' },
  'manifest-unknown': { status: 404, code: 'MANIFEST_UNKNOWN' },
  'manifest-invalid': { status: 400, code: 'MANIFEST_INVALID' },
  'manifest-too-large': { status: 413, code: 'MANIFEST_INVALID' },
  'manifest-blob-unknown': { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' },
  'deletes-off': { status: 405, code: 'UNSUPPORTED' },
  'read-only': { status: 405, code: 'UNSUPPORTED' },
  'mirrored-read-only': { status: 405, code: 'UNSUPPORTED' },
  unauthorized: { status: 401, code: 'UNAUTHORIZED' },
  'login-failed': { status: 401, code: 'UNAUTHORIZED' },
  'token-invalid': { status: 401, code: 'UNAUTHORIZED' },
  'scope-insufficient': { status: 401, code: 'UNAUTHORIZED' },
  'too-many-misses': { status: 429, code: 'TOOMANYREQUESTS' },
  'token-request-invalid': { status: 400, code: 'UNSUPPORTED' },
  'tag-immutable': { status: 403, code: 'DENIED' },
  denied: { status: 403, code: 'DENIED' },
  'certificate-wanted': { status: 403, code: 'DENIED' }, // said by nginx, which sees the handshake
  'storage-full': { status: 507, code: 'UNAVAILABLE' },
  'storage-failing': { status: 503, code: 'UNAVAILABLE' },
  'store-refused': { status: 503, code: 'UNAVAILABLE' },
  'health-failing': { status: 503, code: 'UNAVAILABLE' },
  'server-busy': { status: 503, code: 'UNAVAILABLE' },
  'upstream-unavailable': { status: 503, code: 'UNAVAILABLE' },
  'server-unreachable': { status: 503, code: 'UNAVAILABLE' }, // said by nginx, when it is the core that is missing
}

/** What the system says when there is no room left. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** What sending says of content that is not what its name says (stream.ts, verified.ts), or was removed just now. */
const GONE: ReadonlySet<string> = new Set(['WRONG_LENGTH', 'WRONG_DIGEST', 'ENOENT'])

/** What the system says when the disk, or the process, is not well; in words. */
const FAILING: Readonly<Record<string, string>> = {
  EROFS: 'the file system is mounted read-only',
  EIO: 'the disk answers with an input/output error',
  EMFILE: 'this process has no file descriptor left',
  ENFILE: 'the system has no file descriptor left',
  ENOMEM: 'the system has no memory left',
  EACCES: 'this process may not use the files of the store',
  EPERM: 'the system forbids an operation on the files of the store',
  ESTALE: 'the file system of the store has gone away',
  ENODEV: 'the device of the store has gone away',
  ENXIO: 'the device of the store has gone away',
  EUCLEAN: 'the file system of the store is damaged',
  EBADMSG: 'the file system of the store is damaged: a checksum does not fit',
  EBUSY: 'a file of the store is held by the system',
  EXDEV: 'docker/ and entrepot/ lie on two file systems, they must be on one',
  ENOENT: 'a file or folder of the store has vanished; is its disk still mounted?',
  EISDIR: 'a folder lies where the store has a file',
  ETIMEDOUT: 'the file system of the store does not answer',
}

/** Where reading is all that is left. */
const READ_ONLY: ReadonlySet<Failure> = new Set(['deletes-off', 'read-only', 'mirrored-read-only'])

/** More missing blobs than this tell a person nothing new. */
const MAX_ENTRIES = 100
const RETRY_AFTER_SECONDS = '10'

/** What the failure of a request says on the wire; `isBug` when only the log may know what it was. */
export interface ErrorAnswer {
  readonly answer: Answer
  /** For the log: the failure, or the system's error code. */
  readonly outcome: string
  readonly isBug: boolean
}

/** Turns whatever was thrown into an answer. @param call undefined when the target could not be read */
export function errorAnswer(error: unknown, method: string, call: Call | undefined): ErrorAnswer {
  const known = toRegistryError(error, method, call)
  if (known === undefined) {
    const answer = entries(500, {}, [
      { code: 'UNKNOWN', message: 'something went wrong inside the registry' },
    ])
    return { answer, outcome: 'internal-error', isBug: true }
  }
  const { status, code } = rowOf(known, method)
  const errors = each(known).map(({ message, detail }) => ({ code, message, detail }))
  return {
    answer: entries(status, headersOf(known, status, call), errors),
    outcome: errorCode(error) ?? known.failure,
    isBug: false,
  }
}

/** The JSON of an error, for whoever must answer in the core's stead. */
export function errorBody<F extends Failure>(failure: F, detail: FailureDetail<F>): string {
  const { message } = new RegistryError(failure, detail)
  return JSON.stringify({ errors: [{ code: ERRORS[failure].code, message, detail }] })
}

/** The HTTP status of a failure. */
export function errorStatus(failure: Failure): number {
  return ERRORS[failure].status
}

function toRegistryError(error: unknown, method: string, call: Call | undefined): RegistryError | undefined {
  if (isRegistryError(error)) return error
  const code = errorCode(error)
  if (code === undefined) return undefined
  // Damaged content has been taken away when this is thrown: to a reader it is not here, a re-push heals. To a DELETE
  // the same code says that something else of the store is missing.
  if (GONE.has(code) && call?.kind === 'blob' && isRead(method)) return blobGone(call, error)
  if (FULL.has(code))
    return new RegistryError(
      'storage-failing',
      { cause: 'there is no room left on the disk' },
      { cause: error },
    )
  const cause = FAILING[code]
  return cause === undefined ? undefined : new RegistryError('storage-failing', { cause }, { cause: error })
}

function blobGone({ digest, repository }: CallOf<'blob'>, cause: unknown): RegistryError {
  return new RegistryError('blob-unknown', { digest, repository }, { cause })
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function rowOf(error: RegistryError, method: string): ErrorRow {
  const row = ERRORS[error.failure]
  // Nobody can have pushed it, so to a reader it is just not there (attack row 9).
  if (error.failure === 'tag-invalid' && isRead(method)) return { status: 404, code: 'MANIFEST_UNKNOWN' }
  if (error.failure === 'storage-failing' && FULL.has(errorCode(error.cause) ?? ''))
    return ERRORS['storage-full']
  return row
}

function isFailure<F extends Failure>(error: RegistryError, failure: F): error is RegistryError<F> {
  return error.failure === failure
}

/** One entry a failure, but one for each blob that a manifest lacks, as clients expect it. */
function each(error: RegistryError): readonly { readonly message: string; readonly detail: object }[] {
  if (!isFailure(error, 'manifest-blob-unknown')) return [error]
  const { digests, repository } = error.detail
  return digests.slice(0, MAX_ENTRIES).map((digest) => ({
    message: new RegistryError('manifest-blob-unknown', { digests: [digest], repository }).message,
    detail: { digest },
  }))
}

function headersOf(error: RegistryError, status: number, call: Call | undefined): Record<string, string> {
  if (isFailure(error, 'chunk-out-of-order') && call?.kind === 'upload')
    return {
      Location: `/v2/${call.repository}/blobs/uploads/${call.upload}`,
      Range: `0-${Math.max(0, error.detail.expected - 1)}`,
      'Docker-Upload-UUID': call.upload,
    }
  if (isFailure(error, 'range-unsatisfiable')) return { 'Content-Range': `bytes */${error.detail.sizeBytes}` }
  if (isFailure(error, 'method-unsupported')) return { Allow: error.detail.allowed }
  if (isFailure(error, 'too-many-misses')) return { 'Retry-After': `${error.detail.seconds}` }
  if (READ_ONLY.has(error.failure)) return { Allow: 'GET, HEAD' }
  if (status === 503) return { 'Retry-After': RETRY_AFTER_SECONDS }
  return {}
}

function entries(status: number, headers: Record<string, string>, errors: readonly object[]): Answer {
  return { status, headers, body: json({ errors }) }
}
