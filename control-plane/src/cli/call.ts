import type { Readable } from 'node:stream'

import { Agent, request } from 'undici'
import type { z } from 'zod'

import { problem } from '../http/problem.schema.js'
import type { RouteSpec } from '../http/route.js'
import { routeUrl } from '../http/route-url.js'
import { errorCode } from '../system/error-code.js'
import type { Connection } from './connection.js'
import { cannotReach, CommandFailed, refusedBy } from './failures.js'

const CONNECT_MS = 10_000
/** A change waits for those before it, and for nginx. */
const ANSWER_MS = 120_000

/** What a call sends besides what its route says. */
export interface Sent {
  readonly path?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly ifMatch?: string
  /** Instead of a body of JSON. */
  readonly stream?: Readable
  readonly headers?: Readonly<Record<string, string>>
}

type Body = Awaited<ReturnType<typeof request>>['body']

/** What a route answers: a value of its schema, or text. */
export type AnswerOf<R extends RouteSpec> = R extends { readonly answer: infer A extends z.ZodType }
  ? z.output<A>
  : string

/** Makes the one call of a command. @throws CommandFailed */
export async function call<R extends RouteSpec>(
  connection: Connection,
  route: R,
  sent: Sent = {},
): Promise<AnswerOf<R>> {
  return readAnswer(route, await stream(connection, route, sent, (body) => body.text()))
}

/** The same, for what is not held in memory: `read` is given the body of what was done. @throws CommandFailed */
export async function stream<T>(
  connection: Connection,
  route: RouteSpec,
  sent: Sent,
  read: (body: Body) => Promise<T>,
): Promise<T> {
  const answer = await exchange(connection, route, sent, read)
  if ('done' in answer) return answer.done
  const { status, type, text } = answer
  const parsed = type.includes('json') ? problem.safeParse(readJson(text)) : undefined
  if (parsed?.success === true) throw refusedBy(parsed.data)
  // nginx alone answered, since there is nobody behind it.
  const { detail } = (readJson(text) ?? {}) as { readonly detail?: unknown }
  const said = typeof detail === 'string' ? detail : `HTTP ${status}, and no answer of an Entrepot`
  throw new CommandFailed([502, 503, 504].includes(status) ? 3 : 1, `${connection.server}: ${said}`)
}

async function exchange<T>(
  { server, token, ca }: Connection,
  route: RouteSpec,
  { path, query, body, ifMatch, stream: bytes, headers }: Sent,
  read: (body: Body) => Promise<T>,
): Promise<{ readonly done: T } | { readonly status: number; readonly type: string; readonly text: string }> {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_MS, ...(ca !== undefined && { ca }) },
    ...{ headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS },
  })
  try {
    const answer = await request(routeUrl(server, route, path, query), {
      ...{ method: route.method, dispatcher },
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(bytes !== undefined && { 'content-type': route.takes ?? '' }),
        ...headers,
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
      },
      body: bytes ?? (body === undefined ? null : JSON.stringify(body)),
    })
    if (answer.statusCode === route.status) return { done: await read(answer.body) }
    const type = String(answer.headers['content-type'] ?? '')
    return { status: answer.statusCode, type, text: await answer.body.text() }
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    throw cannotReach(`${server} cannot be reached: ${causeOf(error)}`)
  } finally {
    await dispatcher.close()
  }
}

/** Codes of OpenSSL for a certificate that nobody known here has signed. */
const STRANGERS = new Set([
  ...['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_SIGNATURE_FAILURE'],
])

/** Whether the certificate was refused because its authority is unknown. */
export function isStranger(error: unknown): boolean {
  return STRANGERS.has(errorCode(error) ?? '')
}

function causeOf(error: unknown): string {
  if (isStranger(error))
    return 'its certificate is not trusted here; "entrepot login" looks at its authority once, --ca FILE names it'
  const message = Error.isError(error) ? error.message : ''
  return message === '' ? (errorCode(error) ?? String(error)) : message
}

/** The document of the route is what the answer is read by. */
export function readAnswer<R extends RouteSpec>(route: R, text: string): AnswerOf<R> {
  if (route.answer === undefined) return text as AnswerOf<R>
  const { success, data } = route.answer.safeParse(readJson(text))
  if (!success)
    throw new CommandFailed(1, 'the box answers in words of another version: use its own entrepot')
  return data as AnswerOf<R>
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
