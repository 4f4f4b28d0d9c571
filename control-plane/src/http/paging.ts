import { z } from 'zod'

/** What a list may be asked: a page of so many, after the last one of the page before. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number('a number from 1 to 1000').int().min(1).max(1000).default(100),
  after: z.string().max(300).optional(),
})

export type PageQuery = z.output<typeof pageQuery>

/** A page of a list; `next` is the `after` of the next one, and missing on the last. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z.strictObject({ items: z.array(item), next: z.string().optional() }).meta({ id })
}

/** What `cutPage` makes; `next` is missing on the last page. */
export interface Page<T> {
  items: T[]
  next?: string
}

/** Cuts what was read, one more than asked for, to a page. */
export function cutPage<T>(rows: readonly T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(rows.length > limit && last !== undefined && { next: keyOf(last) }) }
}
