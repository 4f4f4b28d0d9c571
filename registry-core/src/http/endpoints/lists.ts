import { mayList, mayListAll, mayListAny, pullRights, type Rights } from '../../access/may.js'
import { refusalWithoutToken } from '../../access/refusal.js'
import { RegistryError } from '../../oci/failure.js'
import { OCI_INDEX } from '../../oci/media-type.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Catalog } from '../../views/catalog.js'
import { json } from '../answer.js'
import type { Endpoint, RepositoryEndpoint } from '../context.js'

/** More tags than this are never put on one page that was asked for with a number. */
const TAGS_LIMIT = 10_000

/** GET /v2/<name>/tags/list (end-8a, end-8b): all, or one page of `n` after `last`. */
export const listTags: RepositoryEndpoint<'tags'> = async ({ repository, page }, { pull }, { signal }) => {
  const limit = page.limit === undefined ? undefined : Math.min(page.limit, TAGS_LIMIT)
  const pulled = await pull.tags({ limit, last: page.last }, signal)
  if (pulled === undefined) throw new RegistryError('name-unknown', { name: repository })
  const { value: found, served } = pulled
  const last = found.more ? found.tags.at(-1) : undefined
  return {
    ...{ status: 200, served },
    headers: last === undefined ? {} : nextPage(`/v2/${repository}/tags/list`, { last, n: `${limit}` }),
    body: json({ name: repository, tags: found.tags }),
  }
}

/** GET /v2/_catalog: the repositories that the caller may pull, a page at a time; a token must be made for it. */
export const listRepositories: Endpoint<'catalog'> = async ({ page }, { parts, caller, place }) => {
  const asked = { action: 'list', name: 'the repositories' }
  if (caller.token?.catalog === false) throw new RegistryError('scope-insufficient', asked)
  if (!mayListAny(caller)) throw refusalWithoutToken(caller, asked)
  const limit = Math.min(page.limit ?? parts.catalogLimit, parts.catalogLimit)
  const { repositories, more } = await listedPage(parts.views.catalog(place, pullRights(caller)), caller, {
    limit,
    last: page.last,
  })
  const last = more ? repositories.at(-1) : undefined
  return {
    status: 200,
    headers: last === undefined ? {} : nextPage('/v2/_catalog', { last, n: `${limit}` }),
    body: json({ repositories }),
  }
}

/** So many names are looked at in one go for a caller who may see few of them. */
const PASSED_OVER = 1000

/** Reads on until the page is full of what the caller may see; what lies between leaves no trace, not even in `last`. */
async function listedPage(
  catalog: Catalog,
  caller: Rights,
  { limit, last }: { readonly limit: number; readonly last: string | undefined },
): Promise<{ readonly repositories: readonly RepositoryName[]; readonly more: boolean }> {
  if (mayListAll(caller)) return catalog.catalog({ limit, last })
  const listed: RepositoryName[] = []
  for (let from = last; ; ) {
    const found = await catalog.catalog({ limit: PASSED_OVER, last: from })
    for (const name of found.repositories)
      if (mayList(caller, name)) {
        if (listed.length === limit) return { repositories: listed, more: limit > 0 }
        listed.push(name)
      }
    from = found.repositories.at(-1)
    if (!found.more || from === undefined) return { repositories: listed, more: false }
  }
}

/** GET /v2/<name>/referrers/<digest> (end-12a, end-12b): an index of what refers to it, never 404. */
export const listReferrers: RepositoryEndpoint<'referrers'> = async (call, { pull }, { signal }) => {
  const { repository, digest, artifactType, page } = call
  const { value: found, served } = await pull.referrers(digest, { artifactType, ...page }, signal)
  const filter = artifactType === undefined ? {} : { artifactType }
  const bytes = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: found.manifests })
  return {
    ...{ status: 200, served },
    headers: {
      ...(artifactType !== undefined && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(found.next !== undefined &&
        nextPage(`/v2/${repository}/referrers/${digest}`, {
          ...filter,
          last: found.next,
          ...(page.limit !== undefined && { n: `${page.limit}` }),
        })),
    },
    body: { kind: 'bytes', bytes: Buffer.from(bytes), type: OCI_INDEX },
  }
}

/** The `Link` header that leads on (RFC 8288), in the form that Distribution writes and clients match. */
function nextPage(path: string, parameters: Readonly<Record<string, string>>): Record<string, string> {
  const query = Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
  return { Link: `<${path}?${query}>; rel="next"` }
}
