import { errorBody, errorStatus, type Failure, type FailureDetail } from '@entrepot/registry-core/contract'

import {
  DEFAULT_MAX_UPLOAD_SIZE,
  DEFAULT_TIMEOUT_SECONDS,
  type FrontSettings,
  sizeInBytes,
} from './settings.js'

/** An answer that nginx gives by itself: what it catches, the status it answers with, and the file of the body. */
export interface ErrorPage {
  /** nginx's own code; 494 and 497 are its names for "header too large" and "plain HTTP on the TLS port". */
  readonly caught: number
  readonly answered: number
  /** The row of the core's table of errors. */
  readonly failure: Failure
  readonly file: string
  readonly body: string
}

/** What the server block answers to Docker before 1.6: a code of our own that no part of nginx uses. */
const ANCIENT_DOCKER = 418

/** As large_client_header_buffers has it: a request line has one buffer, a header line too. */
const LINE_BYTES = 36 * 1024

const MALFORMED = {
  why: 'it is none that a registry has (escaped is %3A only, and no part is empty, "." or ".."), or the request is not HTTP as RFC 9112 has it',
}
const OLD_DOCKER = { header: 'User-Agent', found: 'Docker before 1.6', allowed: 'Docker 1.6 or newer' }

/** Each answer of nginx's own, with a body out of the core's table of errors. */
export function errorPages(settings: FrontSettings): readonly ErrorPage[] {
  const { maxUploadSize = DEFAULT_MAX_UPLOAD_SIZE, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = settings
  const limit = { limitBytes: sizeInBytes(maxUploadSize), setting: `maxUploadSize (${maxUploadSize})` }
  const silent = { why: `it did not answer within ${timeoutSeconds} seconds` }
  const down = { why: 'it is starting, or stopped' }
  return [
    page(400, 'target-malformed', MALFORMED),
    // Only a client that asks for one of nginx's internal locations by name meets nginx's own 404.
    { ...page(400, 'target-malformed', MALFORMED), caught: 404 },
    page(405, 'method-unsupported', {
      method: 'TRACE',
      allowed: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    }),
    ...(limit.limitBytes > 0 ? [page(413, 'body-too-large', limit)] : []), // 0 is no limit
    page(414, 'target-too-long', { limitBytes: LINE_BYTES }),
    page(ANCIENT_DOCKER, 'header-malformed', OLD_DOCKER, { answered: 404, name: 'ancient-docker' }),
    page(
      494,
      'header-malformed',
      { header: 'in all', found: 'too much', allowed: '36 KiB a line' },
      { answered: 431 },
    ),
    page(495, 'certificate-wanted', {}, { name: 'certificate' }),
    page(496, 'certificate-wanted', {}, { name: 'certificate' }),
    page(497, 'target-malformed', { why: 'this port speaks TLS, ask with https://' }, { name: 'plain-http' }),
    // nginx lacks connections, files or memory.
    page(500, 'server-busy', { why: "nginx's error log has the cause" }),
    page(
      501,
      'header-malformed',
      { header: 'Transfer-Encoding', found: 'another', allowed: 'chunked' },
      { answered: 501 },
    ),
    page(502, 'server-unreachable', down, { answered: 502 }),
    page(503, 'server-busy', { why: 'too many requests wait' }, { name: 'busy' }),
    page(504, 'server-unreachable', silent, { answered: 504 }),
    page(505, 'target-malformed', { why: 'this version of HTTP is not spoken here' }, { answered: 505 }),
  ]
}

function page<F extends Failure>(
  caught: number,
  failure: F,
  detail: FailureDetail<F>,
  { answered = errorStatus(failure), name = String(answered) } = {},
): ErrorPage {
  return { caught, answered, failure, file: `${name}.json`, body: errorBody(failure, detail) }
}
