import { type Answer, expectStatus } from '../../support/registry-client.js'
import type { RawAnswer, RawExchange } from '../../support/raw-http.js'
import { readErrors } from './read.js'

/** Throws unless the answer has one of these statuses and, with codes given, names one of them first. */
export function expectError(
  answer: Answer,
  statuses: number | readonly number[],
  ...codes: readonly string[]
): void {
  const allowed = typeof statuses === 'number' ? [statuses] : statuses
  expectStatus(answer, ...allowed)
  if (answer.call.method === 'HEAD') return
  const [first] = readErrors(answer.body)
  if (codes.length > 0 && !codes.includes(String(first?.code))) {
    const { method, target } = answer.call
    throw new Error(`${method} ${target} answered ${answer.status} ${first?.code}, not ${codes.join(' or ')}`)
  }
}

/** Throws unless a header has exactly this value. */
export function expectHeader(answer: Answer, name: string, expected: string | RegExp): void {
  const value = answer.header(name)
  if (typeof expected === 'string' ? value === expected : value !== undefined && expected.test(value)) return
  throw new Error(
    `${answer.call.method} ${answer.call.target} (${answer.status}) has ${name}: ${value}, not ${expected}`,
  )
}

/** The only answer on a raw connection; throws unless its status is one of these. */
export function expectRaw(exchange: RawExchange, ...allowed: readonly number[]): RawAnswer {
  const [answer] = exchange.answers
  if (answer === undefined) {
    throw new Error(
      `no answer, connection ${exchange.closed ? 'closed' : 'open'}: ${exchange.received.toString()}`,
    )
  }
  if (!allowed.includes(answer.status)) {
    throw new Error(
      `answered ${answer.status}, not ${allowed.join(' or ')}: ${answer.body.toString().slice(0, 300)}`,
    )
  }
  return answer
}
