import type { Holdings } from './holdings.js'
import { queryOf, type SeenRequest } from './seen-requests.js'
import type { Content } from '../images.js'

/** An answer before any fault has touched it. A HEAD has the headers of its GET; the body is left out when it is sent. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export function jsonReply(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const body = Buffer.from(JSON.stringify(value))
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(body.length), ...headers },
    body,
  }
}

export function errorReply(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return jsonReply(status, { errors: [{ code, message: code.toLowerCase() }] }, headers)
}

/** What a registry that is well answers from what it holds. */
export function replyFrom(holdings: Holdings, seen: SeenRequest): Reply {
  const { kind, repository, reference, range } = seen
  if (kind === 'ping') return jsonReply(200, {})
  if (kind === 'manifest') {
    const manifest = holdings.findManifest(repository, reference)
    return manifest ? contentReply(manifest) : errorReply(404, 'MANIFEST_UNKNOWN')
  }
  if (kind === 'blob' || kind === 'elsewhere') {
    const blob = holdings.findBlob(repository, reference)
    return blob ? rangeReply(contentReply(blob), range) : errorReply(404, 'BLOB_UNKNOWN')
  }
  if (kind === 'tags') return tagsReply(holdings.tags(repository), seen)
  if (kind === 'referrers') {
    const index = 'application/vnd.oci.image.index.v1+json'
    const manifests = holdings.referrers(repository, reference)
    return jsonReply(200, { schemaVersion: 2, mediaType: index, manifests }, { 'content-type': index })
  }
  return errorReply(404, 'NOT_FOUND')
}

function contentReply({ bytes, descriptor }: Content): Reply {
  return {
    status: 200,
    headers: {
      'content-type': descriptor.mediaType,
      'content-length': String(bytes.length),
      'docker-content-digest': descriptor.digest,
      etag: `"${descriptor.digest}"`,
    },
    body: bytes,
  }
}

function rangeReply(whole: Reply, range: string | undefined): Reply {
  const { length } = whole.body
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  const ranged = { ...whole, headers: { ...whole.headers, 'accept-ranges': 'bytes' } }
  if (from === undefined) return ranged
  const first = Number(from)
  if (first >= length) return errorReply(416, 'RANGE_INVALID', { 'content-range': `bytes */${length}` })
  const last = to === undefined || to === '' ? length - 1 : Math.min(Number(to), length - 1)
  const body = whole.body.subarray(first, last + 1)
  const headers = {
    'content-length': String(body.length),
    'content-range': `bytes ${first}-${last}/${length}`,
  }
  return { status: 206, headers: { ...ranged.headers, ...headers }, body }
}

function tagsReply(all: readonly string[] | undefined, seen: SeenRequest): Reply {
  if (all === undefined) return errorReply(404, 'NAME_UNKNOWN')
  const query = queryOf(seen)
  const rest = all.filter((tag) => tag > (query.get('last') ?? ''))
  const tags = rest.slice(0, Number(query.get('n') ?? rest.length))
  const next = `</v2/${seen.repository}/tags/list?n=${tags.length}&last=${tags.at(-1)}>; rel="next"`
  return jsonReply(200, { name: seen.repository, tags }, tags.length < rest.length ? { link: next } : {})
}
