/**
 * What can go wrong on purpose: a closed list. Each failure has its detail and the sentence a person reads;
 * its HTTP status and OCI code stand in http/errors.ts.
 */
interface Details {
  'target-malformed': { readonly why: string }
  'target-too-long': { readonly limitBytes: number }
  'endpoint-unknown': { readonly path: string }
  'header-malformed': { readonly header: string; readonly found: string; readonly allowed: string }
  'tls-expected': object
  'method-unsupported': { readonly method: string; readonly allowed: string }
  'body-too-large': { readonly limitBytes: number; readonly setting?: string }
  'request-timeout': { readonly seconds: number }
  'page-number-invalid': { readonly found: string }
  'name-invalid': { readonly name: string }
  'name-unknown': { readonly name: string; readonly why?: string }
  'namespace-unknown': { readonly namespace: string }
  'tag-invalid': { readonly tag: string }
  'too-many-tags': { readonly count: number; readonly limit: number }
  'digest-malformed': { readonly digest: string }
  'digest-mismatch': { readonly expected: string; readonly actual: string }
  'digest-missing': object
  'algorithm-unsupported': { readonly algorithm: string }
  'blob-unknown': { readonly digest: string; readonly repository: string; readonly why?: string }
  'range-unsatisfiable': { readonly range: string; readonly sizeBytes: number }
  'upload-unknown': { readonly upload: string }
  'upload-taken-over': { readonly upload: string }
  'chunk-out-of-order': { readonly sent: number; readonly expected: number }
  'size-mismatch': { readonly declared: number; readonly received: number }
  'manifest-unknown': { readonly reference: string; readonly repository: string; readonly why?: string }
  'manifest-invalid': { readonly why: string }
  'manifest-too-large': { readonly limitBytes: number }
  'manifest-blob-unknown': { readonly digests: readonly string[]; readonly repository: string }
  'deletes-off': object
  'read-only': object
  'mirrored-read-only': { readonly repository: string; readonly host: string; readonly pushTo: string }
  unauthorized: { readonly action: string; readonly name: string }
  'login-failed': object
  'token-invalid': { readonly why: string }
  'scope-insufficient': { readonly action: string; readonly name: string }
  'too-many-misses': { readonly seconds: number }
  'token-request-invalid': { readonly why: string }
  'tag-immutable': { readonly tag: string; readonly repository: string; readonly rule: string }
  denied: { readonly action: string; readonly name: string }
  'certificate-wanted': object
  'storage-full': { readonly freeBytes: number; readonly neededBytes: number }
  'storage-failing': { readonly cause: string }
  'store-refused': { readonly why: string }
  'health-failing': { readonly check: string; readonly why: string }
  'server-busy': { readonly why: string }
  'server-unreachable': { readonly why: string }
  'upstream-unavailable': { readonly why: string }
}

/** The key of one thing that can go wrong on purpose. */
export type Failure = keyof Details

/** What the sentence of a failure needs to know. */
export type FailureDetail<F extends Failure> = Details[F]

const SENTENCES: { readonly [F in Failure]: (detail: Details[F]) => string } = {
  'target-malformed': ({ why }) => `the request target cannot be read: ${why}`,
  'target-too-long': ({ limitBytes }) => `the request target is longer than ${limitBytes} bytes`,
  'endpoint-unknown': ({ path }) => `nothing is served at ${path}`,
  'header-malformed': ({ header, found, allowed }) =>
    `the header ${header} reads "${found}"; allowed is ${allowed}`,
  'tls-expected': () => 'Client sent an HTTP request to an HTTPS server.',
  'method-unsupported': ({ method, allowed }) => `${method} is not supported here; allowed: ${allowed}`,
  'body-too-large': ({ limitBytes, setting }) =>
    `the body is larger than ${limitBytes} bytes${setting === undefined ? '' : `, the limit that ${setting} sets`}`,
  'request-timeout': ({ seconds }) => `nothing arrived for ${seconds} seconds`,
  'page-number-invalid': ({ found }) => `n=${found} is not a number of entries: write 0 or more`,
  'name-invalid': ({ name }) =>
    `"${name}" is not a repository name: lower-case letters and digits, with . _ __ or - between them, parts divided by /, 255 characters at most`,
  'name-unknown': ({ name, why }) => `no repository ${name} is known here${because(why)}`,
  'namespace-unknown': ({ namespace }) => `no upstream "${namespace}" is configured here`,
  'tag-invalid': ({ tag }) =>
    `"${tag}" is not a tag: a letter, digit or _ and then up to 127 of letters, digits, _ . -`,
  'too-many-tags': ({ count, limit }) => `${count} tags in one request; the limit is ${limit}`,
  'digest-malformed': ({ digest }) =>
    `"${digest}" is not a digest: write sha256: and 64, or sha512: and 128, lower-case hex digits`,
  'digest-mismatch': ({ expected, actual }) => `the content has the digest ${actual}, not ${expected}`,
  'digest-missing': () => 'the closing request needs ?digest=<algorithm>:<hex>',
  'algorithm-unsupported': ({ algorithm }) =>
    `the digest algorithm "${algorithm}" is not supported: sha256 or sha512`,
  'blob-unknown': ({ digest, repository, why }) =>
    `no blob ${digest} in repository ${repository}${because(why)}`,
  'range-unsatisfiable': ({ range, sizeBytes }) =>
    `the range "${range}" lies outside the content of ${sizeBytes} bytes`,
  'upload-unknown': ({ upload }) => `no upload ${upload} is open in this repository: begin one with POST`,
  'upload-taken-over': ({ upload }) => `another request has taken over the upload ${upload}`,
  'chunk-out-of-order': ({ sent, expected }) =>
    `the chunk starts at ${sent}, the upload stands at ${expected}`,
  'size-mismatch': ({ declared, received }) => `${declared} bytes were announced, ${received} came`,
  'manifest-unknown': ({ reference, repository, why }) =>
    `no manifest ${reference} in repository ${repository}${because(why)}`,
  'manifest-invalid': ({ why }) => `the manifest is not valid: ${why}`,
  'manifest-too-large': ({ limitBytes }) => `a manifest may have ${limitBytes} bytes at most`,
  'manifest-blob-unknown': ({ digests, repository }) =>
    `the manifest names what repository ${repository} does not have: ${digests.join(', ')}`,
  'deletes-off': () => 'deleting is switched off: set storage.delete.enabled to true',
  'read-only': () =>
    'this registry takes no pushes and no deletes at the moment: storage.maintenance.readonly is on',
  'mirrored-read-only': ({ repository, host, pushTo }) =>
    `${repository} is a mirror of ${host} and takes no pushes and no deletes: push to ${pushTo} instead`,
  unauthorized: ({ action, name }) => `to ${action} ${name} you must log in`,
  'login-failed': () => 'the user name or the password is wrong',
  'token-invalid': ({ why }) => `the token does not count: ${why}`,
  'scope-insufficient': ({ action, name }) =>
    `the token was not made to ${action} ${name}: ask for another one`,
  'too-many-misses': ({ seconds }) =>
    `too many wrong passwords for this user from this address: try again in ${seconds} seconds`,
  'token-request-invalid': ({ why }) => `no token is made for this request: ${why}`,
  'tag-immutable': ({ tag, repository, rule }) =>
    `${repository}:${tag} is there already and may not move: access.immutable has ${rule}`,
  'certificate-wanted': () => 'show a client certificate that an authority of this address has signed',
  denied: ({ action, name }) => `you may not ${action} ${name}`,
  'storage-full': ({ freeBytes, neededBytes }) =>
    `the disk is full: ${freeBytes} bytes are free, ${neededBytes} are needed; free some space or enlarge the disk`,
  'storage-failing': ({ cause }) => `the storage does not work at the moment: ${cause}`,
  'store-refused': ({ why }) => `this store takes no pushes: ${why}`,
  'health-failing': ({ check, why }) => `the health check of ${check} fails: ${why}`,
  'server-busy': ({ why }) => `the server is too busy: ${why}; try again`,
  'server-unreachable': ({ why }) => `the registry cannot be asked at the moment: ${why}`,
  'upstream-unavailable': ({ why }) => `this is not cached here, and ${why}`,
}

function because(why: string | undefined): string {
  return why === undefined ? '' : `: ${why}`
}

/** A failure of the closed list, thrown anywhere and answered by the HTTP edge alone. */
export class RegistryError<F extends Failure = Failure> extends Error {
  readonly failure: F
  readonly detail: Details[F]

  constructor(failure: F, detail: Details[F], options?: ErrorOptions) {
    super(SENTENCES[failure](detail), options)
    this.name = 'RegistryError'
    this.failure = failure
    this.detail = detail
  }
}

/** True for a failure of the list (works across module instances, unlike a class test). */
export function isRegistryError(error: unknown): error is RegistryError {
  return Error.isError(error) && 'failure' in error && typeof error.failure === 'string'
}

/** Every failure, for the tables that must be complete. */
export const FAILURES = Object.keys(SENTENCES) as readonly Failure[]
