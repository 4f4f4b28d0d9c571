import { type Answer, pathOf } from '../../support/registry-client.js'
import { readErrors } from './read.js'

/** The specification's codes, and the exceptions that the documentation names. */
const CODES: ReadonlySet<string> = new Set([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  'PAGINATION_NUMBER_INVALID',
  'UNKNOWN',
  'UNAVAILABLE',
])

/** The first rule that an answer breaks, of those that hold for each answer under /v2/; `undefined` when none. */
export function findRuleBroken(answer: Answer): string | undefined {
  if (!pathOf(answer.call.target).startsWith('/v2/')) return undefined
  return RULES.map((rule) => rule(answer)).find((broken) => broken !== undefined)
}

const RULES: readonly ((answer: Answer) => string | undefined)[] = [
  ({ status }) => (status >= 500 ? 'a client cannot make the server fail' : undefined),
  (answer) => (answer.status >= 400 && answer.call.method !== 'HEAD' ? brokenError(answer) : undefined),
  ({ call, body }) =>
    call.method === 'HEAD' && body.length > 0 ? 'the answer to a HEAD has no body' : undefined,
  (answer) => {
    const location = answer.header('location')
    return location?.startsWith('/') === false ? `the Location is not relative: ${location}` : undefined
  },
  (answer) =>
    answer.status === 429 && answer.header('retry-after') === undefined
      ? '429 says when to come back'
      : undefined,
  brokenWarnings,
  (answer) =>
    answer.header('docker-distribution-api-version') === 'registry/2.0'
      ? undefined
      : 'no Docker-Distribution-Api-Version',
]

function brokenError(answer: Answer): string | undefined {
  if (answer.header('content-type')?.startsWith('application/json') !== true) {
    return `an error is JSON, not ${answer.header('content-type')}`
  }
  try {
    const unknown = readErrors(answer.body).find(({ code }) => !CODES.has(code))
    return unknown && `the code ${unknown.code} is not the specification's`
  } catch {
    return `not a list of errors: ${answer.body.subarray(0, 200).toString()}`
  }
}

function brokenWarnings(answer: Answer): string | undefined {
  const value = answer.headers['warning'] ?? []
  const warnings = typeof value === 'string' ? [value] : value
  if (warnings.some((warning) => !/^299 - "(?:[^"\\]|\\.)*"$/.test(warning)))
    return 'a Warning is 299 - "text"'
  return warnings.join('').length > 4096 ? 'warnings are 4096 bytes at most' : undefined
}
