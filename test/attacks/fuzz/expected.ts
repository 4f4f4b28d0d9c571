import type { AnswerBody } from '#core/http/answer.js'
import { errorAnswer } from '#core/http/errors.js'
import { type Call, parseTarget } from '#core/http/target.js'
import { acceptableRequestTarget } from '#front/target-pattern.js'

import type { Asked } from './any-target.js'
import type { PipedAnswer } from './pipe.js'

const ACCEPTABLE = new RegExp(acceptableRequestTarget)
/** nginx's own place, which nobody may ask for; of what it has no blob for at `_blobs` it asks the core. */
const INTERNAL = /^\/_errors\//
/** A request line has one buffer of nginx's. */
const LINE_BYTES = 36 * 1024

/** Says of each answer how it differs from what both nginx's line and the core's own reader mean. */
export class Expected {
  readonly #pageOf: (status: number) => string

  /** @param pageOf the body of nginx's own answers with a status, which was made of the core's table */
  constructor(pageOf: (status: number) => string) {
    this.#pageOf = pageOf
  }

  /** Who answers: nginx refuses what its line refuses, the core hears of everything else. */
  isRefused({ method, target }: Asked): boolean {
    return this.#caught(method, target) !== undefined
  }

  /** Undefined when all is as it should be. */
  findFault(asked: Asked, answer: PipedAnswer): string | undefined {
    const isAuthority = this.#isAuthority(asked)
    if (isAuthority)
      return [200, 405].includes(answer.status) ? undefined : `the authority's page is ${answer.status}`
    const read = reading(asked)
    const caught = this.#caught(asked.method, asked.target)
    if (caught === undefined) return faultOfCore(asked, read, answer)
    if ('call' in read) return `nginx refuses what the core reads as ${JSON.stringify(read.call)}`
    const status = caught === 404 ? 400 : caught
    // Of a line that is too long nginx may have read enough to see that it is wrong as well.
    const isEither = status === 414 && answer.status === 400
    if (answer.status !== status && !isEither)
      return `nginx should refuse it with ${status}, and answers ${answer.status}`
    const hasBody = asked.method !== 'HEAD'
    return hasBody && answer.body.toString() !== this.#pageOf(answer.status)
      ? `nginx refuses it in other words than the core's: ${answer.body.toString().slice(0, 200)}`
      : undefined
  }

  /** What nginx gives to everybody by itself. */
  #isAuthority({ method, target }: Asked): boolean {
    return /^\/ca(?:\.pem)?(?:\?|$)/.test(spacesTaken(target)) && this.#caught(method, target) === undefined
  }

  /** nginx's own code for what it refuses. */
  #caught(method: string, target: string): number | undefined {
    const line = `${method} ${target} HTTP/1.1`
    if (line.length + 2 > LINE_BYTES) return 414
    const sent = spacesTaken(target)
    if (!ACCEPTABLE.test(sent)) return 400
    return INTERNAL.test(sent) ? 404 : undefined
  }
}

/** Spaces round a target belong to the request line. */
function spacesTaken(target: string): string {
  return target.replace(/^ +| +$/g, '')
}

function reading({ target }: Asked): { readonly call: Call } | { readonly error: unknown } {
  try {
    return { call: parseTarget(spacesTaken(target)) }
  } catch (error) {
    return { error }
  }
}

function faultOfCore(
  { method }: Asked,
  read: ReturnType<typeof reading>,
  { status, body }: PipedAnswer,
): string | undefined {
  const text = body.toString()
  if ('error' in read) {
    const { answer } = errorAnswer(read.error, method, undefined)
    if (status !== answer.status)
      return `the core should refuse it with ${answer.status}, and answers ${status}`
    const { body: expected } = answer
    return method === 'HEAD' || text === bodyText(expected)
      ? undefined
      : `the core refuses it in other words than it should: ${text.slice(0, 200)}`
  }
  if (status >= 500) return `${status}: ${text.slice(0, 200)}`
  return method === 'HEAD' ? undefined : faultOfResource(read.call, text)
}

function bodyText(body: AnswerBody | undefined): string {
  return body?.kind === 'json' ? JSON.stringify(body.value) : ''
}

/** What the answer says that was asked for must be what was read. */
function faultOfResource(call: Call, text: string): string | undefined {
  if (!('repository' in call) || !text.startsWith('{"errors"')) return undefined
  const { errors } = JSON.parse(text) as { readonly errors: readonly { readonly detail?: unknown }[] }
  const detail = errors[0]?.detail
  if (typeof detail !== 'object' || detail === null) return undefined
  const told = new Map<string, unknown>(Object.entries(detail))
  const name = told.get('repository') ?? told.get('name') ?? call.repository
  return name === call.repository
    ? undefined
    : `it was read as ${call.repository}, and answered as ${JSON.stringify(name)}`
}
