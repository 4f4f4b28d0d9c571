/** An answer of nginx's own on an admin listener: RFC 9457, as all errors of the control plane. */
export interface ProblemPage {
  /** nginx's own code; 494 and 497 are its names for "header too large" and "plain HTTP on the TLS port". */
  readonly caught: number
  readonly answered: number
  readonly file: string
  readonly body: string
}

/** As admin.hbs has it. */
const BODY_LIMIT = '1 MiB (a backup: 4 GiB)'

/** Each answer that nginx gives for the control plane. */
export const PROBLEM_PAGES: readonly ProblemPage[] = [
  problem(400, 'Bad Request', 'the request is not HTTP as RFC 9112 has it, or its target names a host'),
  problem(404, 'Not Found', 'there is nothing under this path'),
  problem(405, 'Method Not Allowed', 'this method is not supported'),
  problem(413, 'Content Too Large', `the body is larger than ${BODY_LIMIT}`),
  problem(414, 'URI Too Long', 'the request target is longer than 36 KiB'),
  problem(431, 'Request Header Fields Too Large', 'a header line is longer than 36 KiB', { caught: 494 }),
  problem(400, 'Bad Request', 'this port speaks TLS: ask with https://', { caught: 497, name: 'plain-http' }),
  problem(503, 'Service Unavailable', 'nginx lacks something: its error log has the cause', {
    caught: 500,
    name: 'busy',
  }),
  problem(501, 'Not Implemented', 'this transfer encoding is not supported, chunked is'),
  problem(502, 'Bad Gateway', 'the control plane is starting, or stopped; images are served all the same'),
  problem(503, 'Service Unavailable', 'too many requests wait'),
  problem(504, 'Gateway Timeout', 'the control plane was silent for too long'),
  problem(505, 'HTTP Version Not Supported', 'this version of HTTP is not spoken here'),
]

function problem(
  status: number,
  title: string,
  detail: string,
  { caught = status, name = String(status) } = {},
): ProblemPage {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail })
  return { caught, answered: status, file: `${name}.json`, body }
}
