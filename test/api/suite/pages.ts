import { type Answer, expectStatus, type RegistryClient } from '../../support/registry-client.js'

/** The target of an answer's `Link: <…>; rel="next"`; `undefined` when there is none. Throws when it is malformed. */
export function findNext(answer: Answer): string | undefined {
  const link = answer.header('link')
  if (link === undefined) return undefined
  const target = /^<([^<>\s]+)>; ?rel="?next"?$/.exec(link)?.[1]
  if (target === undefined) throw new Error(`a Link that nobody understands: ${link}`)
  const { pathname, search } = new URL(target, new URL(answer.call.target, 'http://registry'))
  return pathname + search
}

/** Every page from the first to the one without a Link; throws when they do not end. */
export async function followPages(
  client: RegistryClient,
  first: string,
  limit = 200,
): Promise<readonly Answer[]> {
  const pages: Answer[] = []
  for (let target: string | undefined = first; target !== undefined; ) {
    if (pages.length >= limit) throw new Error(`${first}: more than ${limit} pages`)
    const page: Answer = expectStatus(await client.get(target), 200)
    pages.push(page)
    target = findNext(page)
  }
  return pages
}
