import { expect, test } from '@jest/globals'
import { parseRepositoryName } from '../oci/repository.js'
import { type Catalog, filtered } from './catalog.js'

const NAMES = Array.from({ length: 10 }, (_, number) => parseRepositoryName(`team/app${number}`))

function listing(): { readonly catalog: Catalog; readonly pages: (string | undefined)[] } {
  const pages: (string | undefined)[] = []
  const catalog: Catalog = {
    catalog({ limit, last }) {
      pages.push(last)
      const from = last === undefined ? 0 : NAMES.findIndex((name) => name > last)
      const found = from < 0 ? [] : NAMES.slice(from)
      return Promise.resolve({ repositories: found.slice(0, limit), more: found.length > limit })
    },
  }
  return { catalog, pages }
}

test('a page of names that are all shown is read once, and says whether another one follows', async () => {
  const { catalog, pages } = listing()
  const shown = filtered(catalog, () => true)
  expect(await shown.catalog({ limit: 4, last: undefined })).toEqual({
    repositories: NAMES.slice(0, 4),
    more: true,
  })
  expect(await shown.catalog({ limit: 4, last: NAMES[5] })).toEqual({
    repositories: NAMES.slice(6),
    more: false,
  })
  expect(pages).toEqual([undefined, NAMES[5]])
})

test('a page of which something is not shown is read on until it is full', async () => {
  const { catalog } = listing()
  const shown = filtered(catalog, (name) => name > 'team/app6')
  expect(await shown.catalog({ limit: 2, last: undefined })).toEqual({
    repositories: NAMES.slice(7, 9),
    more: true,
  })
})
