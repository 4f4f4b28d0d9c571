/** What an admin token may do, each including those before it. */
export const RIGHTS = ['read', 'operate', 'admin'] as const

/** One of them, as in `AdminToken.rights` and the `needs` of a route. */
export type Right = (typeof RIGHTS)[number]

/** Whether a token with `has` may do what needs `needed`. */
export function includes(has: Right, needed: Right): boolean {
  return RIGHTS.indexOf(has) >= RIGHTS.indexOf(needed)
}
