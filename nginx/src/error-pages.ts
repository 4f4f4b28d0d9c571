import { DEFAULT_MAX_UPLOAD_SIZE, type FrontSettings } from './settings.js'

/** An answer that nginx gives by itself: what it catches, the status it answers with, and the file of the body. */
export interface ErrorPage {
  /** nginx's own code; 494 and 497 are its names for "header too large" and "plain HTTP on the TLS port". */
  readonly caught: number
  readonly answered: number
  readonly file: string
  readonly body: string
}

/** What the server block answers to Docker before 1.6: a code of our own that no part of nginx uses. */
const ANCIENT_DOCKER = 418

/** Each answer of nginx's own, with an OCI body. */
export function errorPages({
  maxUploadSize = DEFAULT_MAX_UPLOAD_SIZE,
  timeoutSeconds = 900,
}: FrontSettings): readonly ErrorPage[] {
  const limit = `the request body is larger than ${maxUploadSize}, the limit of this registry (setting maxUploadSize)`
  const silent = `the registry did not answer within ${timeoutSeconds} seconds`
  return [
    page(
      400,
      400,
      '400',
      'NAME_INVALID',
      'the request is malformed: repository names hold a-z, 0-9 and . _ - between slashes, and only %3A is escaped',
    ),
    // Only a client that asks for one of nginx's internal locations by name meets nginx's own 404.
    page(
      404,
      400,
      '400',
      'NAME_INVALID',
      'the request is malformed: repository names hold a-z, 0-9 and . _ - between slashes, and only %3A is escaped',
    ),
    page(405, 405, '405', 'UNSUPPORTED', 'the method is not supported'),
    page(413, 413, '413', 'SIZE_INVALID', limit),
    page(414, 414, '414', 'NAME_INVALID', 'the request target is too long'),
    page(
      ANCIENT_DOCKER,
      404,
      'ancient-docker',
      'UNSUPPORTED',
      'Docker before 1.6 cannot use this registry: upgrade it',
    ),
    page(494, 431, '431', 'UNSUPPORTED', 'the request headers are too large'),
    page(497, 400, 'plain-http', 'UNSUPPORTED', 'this port speaks TLS: ask with https://'),
    page(500, 500, '500', 'UNKNOWN', 'nginx could not answer; its error log has the cause'),
    page(501, 501, '501', 'UNSUPPORTED', 'the transfer encoding is not supported'),
    page(502, 502, '502', 'UNAVAILABLE', 'the registry does not answer: it is starting, or stopped'),
    page(503, 503, '503', 'UNAVAILABLE', 'the registry is busy'),
    page(504, 504, '504', 'UNAVAILABLE', silent),
    page(505, 505, '505', 'UNSUPPORTED', 'this version of HTTP is not supported'),
  ]
}

// TEMPORARY: registry-core/src/contract.ts will make the bodies from the core's error table.
function page(caught: number, answered: number, name: string, code: string, message: string): ErrorPage {
  return {
    caught,
    answered,
    file: `${name}.json`,
    body: `${JSON.stringify({ errors: [{ code, message }] })}\n`,
  }
}
