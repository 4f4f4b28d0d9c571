/** What a listener is for, as nginx writes it into each line of its log. */
const VIEWS = ['registry', 'mirror', 'upstream', 'admin', 'authority', 'challenge'] as const
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** The words of X-Cache. */
const CACHES = ['hit', 'stale', 'miss', 'bypass'] as const

/** A request that nginx has logged, in few words where a client could say many. */
export interface LoggedRequest {
  /** As nginx writes it, to the second: `2026-11-22T04:00:00+00:00`. */
  readonly time: string
  readonly address: string
  readonly view: (typeof VIEWS)[number] | 'other'
  readonly scheme: 'http' | 'https'
  readonly method: (typeof METHODS)[number] | 'other'
  /** As the client wrote it. */
  readonly target: string
  /** 0 for one that broke off before there was an answer. */
  readonly status: number
  /** Who sent the body: nginx by itself, nginx from the store because the core said so, or whoever is behind nginx. */
  readonly by: 'nginx' | 'disk' | 'behind'
  readonly cache: (typeof CACHES)[number] | 'none'
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly seconds: number
  readonly isWhole: boolean
  readonly userAgent: string
  /** Who logged in; empty for nobody. */
  readonly account: string
}

type Fields = Readonly<Record<string, unknown>>

/** Undefined for what is no line of nginx's access log (docs/reference/front.md). */
export function findLoggedRequest(line: string): LoggedRequest | undefined {
  const fields = readObject(line)
  if (fields === undefined) return undefined
  const time = textOf(fields, 'time')
  const status = numberOf(fields, 'status')
  if (time === '' || status === undefined) return undefined
  return {
    time,
    status,
    address: textOf(fields, 'remote'),
    view: VIEWS.find((view) => view === fields['view']) ?? 'other',
    scheme: textOf(fields, 'tls') === '' ? 'http' : 'https',
    method: METHODS.find((method) => method === fields['method']) ?? 'other',
    target: textOf(fields, 'target'),
    by: senderOf(fields),
    cache: CACHES.find((cache) => cache === fields['cache']) ?? 'none',
    sentBytes: numberOf(fields, 'bytes_sent') ?? 0,
    receivedBytes: numberOf(fields, 'request_bytes') ?? 0,
    seconds: numberOf(fields, 'seconds') ?? 0,
    isWhole: textOf(fields, 'completion') === 'OK',
    userAgent: textOf(fields, 'user_agent'),
    account: textOf(fields, 'account'),
  }
}

/** Whoever was asked last has answered when the client got that status; 502 and 504 are nginx's words for "nobody did". */
function senderOf(fields: Fields): LoggedRequest['by'] {
  if (fields['from_disk'] === true) return 'disk'
  const last = textOf(fields, 'core_status')
    .split(/[ ,:]+/)
    .at(-1)
  const isTheirs = last === String(fields['status']) && last !== '502' && last !== '504'
  return isTheirs ? 'behind' : 'nginx'
}

function readObject(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

function numberOf(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  return typeof value === 'number' && value >= 0 ? value : undefined
}
