import { ProductError } from '../http/product-error.js'

/** Codes of Node and of Postgres (appendix A of its manual, classes 08, 53, 57, and 58) for "not now". */
const AWAY =
  /^(?:ECONN\w+|ENOENT|EACCES|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|EHOST\w+|08\w{3}|53\w{3}|57\w{3}|58\w{3}|25006|25P\w{2}|28\w{3}|3D000|40001|40P01)$/

/** Two transactions were in each other's way: the one that Postgres has undone may be tried anew. */
const CROSSED = /^(?:40001|40P01)$/

/** What Postgres says of a NUL in a text, and in JSON: it keeps every character but that one. */
const NUL = /^(?:22021|22P05)$/

/** Before Postgres's own words, where these do not say what to look at. */
const MEANINGS: Readonly<Record<string, string>> = {
  '25006': 'it takes no writes for now, as a standby or by a setting',
  '53100': 'its disk is full',
  '53300': 'it takes no more connections',
  '57014': 'it was too slow',
  '57P01': 'it is being stopped, or somebody has ended the connection',
  '57P03': 'it is starting or stopping',
}

/** What Postgres or Node calls it; empty when nobody has. */
export function codeOf(error: unknown): string {
  return Error.isError(error) && 'code' in error ? String(error.code) : ''
}

/** Whether Postgres has undone it for another transaction (40001, 40P01): the same work may be tried anew. */
export function isCrossed(error: unknown): boolean {
  return CROSSED.test(codeOf(error))
}

/** Whether it has waited too long for a lock (55P03, lock_not_available): another change has that. */
export function isBehindAnother(error: unknown): boolean {
  return codeOf(error) === '55P03'
}

/** Undefined for what is no NUL in what somebody has sent. */
export function unkeepable(error: unknown): ProductError | undefined {
  if (!NUL.test(codeOf(error))) return undefined
  return new ProductError('invalid', { fields: [{ field: '', message: 'any text without a NUL character' }] })
}

/** Whether it is Postgres that cannot keep anything now: what else fails may be of what was asked. */
export function isOfDatabase(error: unknown): boolean {
  if (error instanceof ProductError)
    return error.failure === 'database-unavailable' || error.failure === 'change-under-way'
  return isBehindAnother(error) || unavailable(error) !== undefined
}

/** Undefined for what is no Postgres that is away, or takes nothing for now. */
export function unavailable(error: unknown): ProductError<'database-unavailable'> | undefined {
  if (error instanceof ProductError || !Error.isError(error) || isBehindAnother(error)) return undefined
  const code = codeOf(error)
  // TypeORM gives a connection back that has ended, and then says so of the next statement.
  const isCut = error.name === 'QueryRunnerAlreadyReleasedError'
  const isAway =
    AWAY.test(code) ||
    /timeout|terminated|Connection (?:ended|closed)|Client (?:was|has) .*clos/i.test(error.message)
  if (!isAway && !isCut) return undefined
  const meaning = MEANINGS[code]
  const said = isCut ? 'the connection has ended meanwhile' : error.message
  const cause = meaning === undefined ? said : `${meaning} (${said})`
  return new ProductError('database-unavailable', { cause }, { cause: error })
}
