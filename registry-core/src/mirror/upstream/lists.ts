import { algorithmOf, type Digest, hexOf } from '../../oci/digest.js'
import { type Descriptor, parseIndexDescriptors } from '../../oci/manifest.js'
import { OCI_INDEX } from '../../oci/media-type.js'
import { findTag, parseTag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Client } from './client.js'
import type { Pace } from './transfers.js'
import { fetchManifest } from './manifests.js'
import { findJson, propertyOf, readSmall } from './small-body.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream-failure.js'

interface Parts {
  readonly client: Client
  readonly pace: Pace
}

/** Of one list: an upstream whose pages never end gets no further. */
const [MOST_PAGES, MOST_TAGS, MOST_REFERRERS] = [1000, 1_000_000, 10_000]
const PAGE_LIMIT_BYTES = 8 * 1024 * 1024

/** As many as asked for, over as many pages as that takes: upstreams have limits of their own. */
export async function listTags(
  parts: Parts,
  repository: RepositoryName,
  { limit, last }: { readonly limit: number | undefined; readonly last: string | undefined },
  signal: AbortSignal,
): Promise<{ readonly tags: readonly string[]; readonly more: boolean }> {
  const most = Math.min(limit ?? MOST_TAGS, MOST_TAGS)
  const query = new URLSearchParams()
  if (limit !== undefined) query.set('n', String(limit))
  if (last !== undefined) query.set('last', last)
  const tags: string[] = []
  let path: string | undefined = `tags/list${query.size === 0 ? '' : `?${query.toString()}`}`
  for (let pages = 0; path !== undefined && pages < MOST_PAGES && tags.length < most; pages += 1) {
    const page: Page = await readPage(parts, { repository, path, accept: 'application/json', signal })
    tags.push(...after(last, tagsIn(page)))
    path = page.next
  }
  return { tags: tags.slice(0, most), more: path !== undefined || tags.length > most }
}

/** Of an upstream that knows no such list, what its clients keep under a tag (distribution-spec, "Referrers Tag Schema"). */
export async function listReferrers(
  parts: Parts,
  repository: RepositoryName,
  subject: Digest,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = []
  let path: string | undefined = `referrers/${subject}`
  for (let pages = 0; path !== undefined && pages < MOST_PAGES; pages += 1) {
    const question: PageQuestion = { repository, path, accept: OCI_INDEX, signal }
    const page: Page | undefined = await readPage(parts, question).catch((error: unknown) => {
      if (pages === 0 && hasNoSuchList(error)) return undefined
      throw error
    })
    if (page === undefined) return referrersByTag(parts, repository, subject, signal)
    if (propertyOf(findJson(page.bytes), 'manifests') !== undefined)
      found.push(...parseIndexDescriptors(page.bytes))
    if (found.length >= MOST_REFERRERS) return found.slice(0, MOST_REFERRERS)
    path = page.next
  }
  return found
}

/** Some answer the unknown path with an error of their own, or with their web pages. */
function hasNoSuchList(error: unknown): boolean {
  if (!isUpstreamFailure(error)) return false
  if (error.trouble === 'wrong-content') return true
  return [400, 404, 405, 410, 501].includes(error.status ?? 0)
}

async function referrersByTag(
  parts: Parts,
  repository: RepositoryName,
  subject: Digest,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const tag = parseTag(`${algorithmOf(subject)}-${hexOf(subject)}`.slice(0, 128))
  try {
    const { bytes } = await fetchManifest(parts, repository, { kind: 'tag', tag }, signal)
    if (propertyOf(findJson(bytes), 'manifests') === undefined) return []
    return parseIndexDescriptors(bytes).slice(0, MOST_REFERRERS)
  } catch (error) {
    if (isUpstreamFailure(error) && error.trouble === 'missing') return []
    throw error
  }
}

interface PageQuestion {
  readonly repository: RepositoryName
  readonly path: string
  readonly accept: string
  readonly signal: AbortSignal
}

interface Page {
  readonly bytes: Buffer
  readonly host: string
  /** The path of the next one, below the repository. */
  readonly next: string | undefined
}

function readPage({ client, pace }: Parts, question: PageQuestion): Promise<Page> {
  return client.ask({ ...question, method: 'GET' }, async (answer) => {
    const bytes = await readSmall(client.wire, answer, PAGE_LIMIT_BYTES)
    pace.charge(bytes.length)
    return { bytes, host: answer.url.host, next: nextPath(answer.header('link'), question) }
  })
}

/**
 * Of the Link only what it asks for counts: whatever host or repository it names, the next page is asked where this one
 * was (many registries behind a proxy name the wrong one).
 */
function nextPath(link: string | undefined, { path }: PageQuestion): string | undefined {
  const target = /<([^<>]{1,4096})>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1]
  const url = target === undefined ? null : URL.parse(target, 'http://upstream/')
  if (url === null || url.search === '') return undefined
  const next = `${path.replace(/\?.*$/, '')}${url.search}`
  return next === path ? undefined : next
}

function tagsIn({ bytes, host }: Page): readonly string[] {
  const json = findJson(bytes)
  const tags = propertyOf(json, 'tags')
  if (tags === null || (tags === undefined && propertyOf(json, 'name') !== undefined)) return []
  if (!Array.isArray(tags))
    throw new UpstreamFailure('wrong-content', `${host} answered with what is not a list of tags`)
  return tags.filter((tag) => typeof tag === 'string' && findTag(tag) !== undefined)
}

/** Some upstreams page by marks of their own and begin anew when they are told the last tag. */
function after(last: string | undefined, tags: readonly string[]): readonly string[] {
  return last === undefined ? tags : tags.slice(tags.indexOf(last) + 1)
}
