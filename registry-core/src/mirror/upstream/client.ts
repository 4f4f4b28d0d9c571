import { withoutParameters } from '../../oci/media-type.js'
import type { RepositoryName } from '../../oci/repository.js'
import { answerFailure } from './answer-failure.js'
import type { Login, LoginQuestion } from './login.js'
import { findRateLimit, type RateLimit } from '../watched/rate-limit.js'
import { isUpstreamFailure, TROUBLES, UpstreamFailure } from './upstream-failure.js'
import type { UrlOrder } from './url-order.js'
import { discard, drain, type Wire, type WireAnswer } from './wire.js'

/** Questions to an upstream's API, logged in as they need it, at its next URL where one does not work. */
export interface Client {
  /**
   * Reads the answer of success; what `read` throws counts as the URL's failure.
   * @throws UpstreamFailure of the first URL, when none gave it
   */
  ask<T>(question: Question, read: (answer: WireAnswer, base: URL) => Promise<T>): Promise<T>
  readonly wire: Wire
}

export interface Question {
  readonly method: 'GET' | 'HEAD'
  readonly repository: RepositoryName
  /** Below the repository: `manifests/latest`, with a query where it has one. */
  readonly path: string
  readonly accept?: string
  /** Bytes from here on. */
  readonly first?: number
  /** As nobody, although there is an account. */
  readonly isAnonymous?: boolean
  readonly signal: AbortSignal
}

interface Options {
  readonly wire: Wire
  readonly login: Login
  readonly urls: UrlOrder
  readonly onRateLimit: (limit: RateLimit) => void
}

export function openClient(options: Options): Client {
  return {
    wire: options.wire,
    ask: (question, read) => askInTurn(options, question, read),
  }
}

/** Each URL in its turn, until one has an answer. */
async function askInTurn<T>(
  { wire, login, urls, onRateLimit }: Options,
  question: Question,
  read: (answer: WireAnswer, base: URL) => Promise<T>,
): Promise<T> {
  let first: UpstreamFailure | undefined
  for (const base of urls.now()) {
    try {
      const answer = await askOne({ wire, login }, question, base)
      const limit = findRateLimit(answer.header)
      if (limit !== undefined) onRateLimit(limit)
      const value = await read(checked(wire, answer, question), base)
      urls.worked(base)
      return value
    } catch (error) {
      question.signal.throwIfAborted()
      if (!isUpstreamFailure(error) || !TROUBLES[error.trouble].goesOnElsewhere) throw error
      urls.failed(base)
      first ??= error
    }
  }
  throw first ?? new UpstreamFailure('unreachable', 'the upstream has no url')
}

async function askOne(
  { wire, login }: Pick<Options, 'wire' | 'login'>,
  question: Question,
  base: URL,
): Promise<WireAnswer> {
  const { method, repository, path, accept, first, isAnonymous = false, signal } = question
  const url = new URL(`${base.pathname.replace(/\/$/, '')}/v2/${repository}/${path}`, base)
  const asking: LoginQuestion = { base, scope: `repository:${repository}:pull`, isAnonymous, signal }
  const headers = {
    ...(accept !== undefined && { accept }),
    ...(first !== undefined && first > 0 && { range: `bytes=${first}-` }),
  }
  const ticket = await login.authorize(asking)
  const answer = await wire.ask({ method, url, headers, authorization: ticket.authorization, signal })
  if (answer.status !== 401 || !answer.isFromAsked) return answer
  const better = await login.renew(asking, ticket, answer)
  if (better === undefined) return answer
  await drain(wire, answer)
  return wire.ask({ method, url, headers, authorization: better.authorization, signal })
}

/** Success, in the encoding that was asked for, and not a page for people (attack rows 53, 54). */
function checked(wire: Wire, answer: WireAnswer, { path, repository }: Question): WireAnswer {
  const what = `${repository}/${path}`.replace(/\?.*$/, '')
  if (answer.status !== 200 && answer.status !== 206) {
    discard(answer)
    throw answerFailure(answer, what, wire.clock)
  }
  const encoding = answer.header('content-encoding')?.trim().toLowerCase() ?? 'identity'
  const isPage = withoutParameters(answer.header('content-type')) === 'text/html'
  if (encoding === 'identity' && !isPage) return answer
  answer.body.destroy()
  throw new UpstreamFailure(
    'wrong-content',
    isPage
      ? `${answer.url.host} answered a web page when asked for ${what}: something in between (a login page?) answers for it`
      : `${answer.url.host} answered ${what} in an encoding that nobody asked for`,
    { status: answer.status },
  )
}
