import { request } from 'undici'
import { z } from 'zod'

import { problem, type Problem } from '#control/http/problem.schema.js'
import type { RouteSpec } from '#control/http/route.js'
import { routeUrl } from '#control/http/route-url.js'

/** What a call sends. */
export interface Sent {
  readonly path?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: unknown
  /** Instead of a body of JSON. */
  readonly stream?: Uint8Array
  readonly ifMatch?: string
  /** Instead of the admin's; null sends none. */
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that is as OpenAPI and the table of routes promise. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly bytes: Buffer
  readonly body: Readonly<Record<string, unknown>>
}

type Json = Readonly<Record<string, unknown>>

/** Every call of the tests goes through here: what is answered must be what the served document says. */
export class Api {
  /** `METHOD path` of every route that somebody has called. */
  static readonly called = new Set<string>()
  readonly #base: string
  readonly #document: Json
  readonly #token: string | null

  constructor(base: string, document: Json, token: string | null) {
    this.#base = base
    this.#document = document
    this.#token = token
  }

  /** The same with another token. */
  as(token: string | null): Api {
    return new Api(this.#base, this.#document, token)
  }

  /** @throws Error when the answer is not as documented */
  async call(route: RouteSpec, sent: Sent = {}): Promise<Answered> {
    Api.called.add(`${route.method} ${route.path}`)
    const answer = await request(routeUrl(this.#base, route, sent.path, sent.query), {
      method: route.method,
      headers: this.#headersOf(sent),
      body: sent.stream ?? (sent.body === undefined ? null : JSON.stringify(sent.body)),
    })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    const text = bytes.toString('utf8')
    const { statusCode: status, headers } = answer
    const type = String(headers['content-type'] ?? '')
    const body = /json/.test(type) ? (JSON.parse(text) as Json) : text === '' ? undefined : { text }
    this.#validate(route, status, type, body)
    if (status < 400) this.#validateSent(route, sent)
    return { status, headers, text, bytes, body: body ?? {} }
  }

  /** The same, for what must be refused. */
  async refused(route: RouteSpec, sent: Sent = {}): Promise<Problem & { headers: Answered['headers'] }> {
    const { status, body, headers } = await this.call(route, sent)
    if (status < 400) throw new Error(`${route.method} ${route.path} was not refused: ${status}`)
    return { ...problem.parse(body), headers }
  }

  /** The same, for what must succeed. */
  async done(route: RouteSpec, sent: Sent = {}): Promise<Answered> {
    const answer = await this.call(route, sent)
    if (answer.status !== route.status) throw new Error(`${answer.status}: ${answer.text}`)
    return answer
  }

  #headersOf({ body, stream, ifMatch, token = this.#token, headers }: Sent): Record<string, string> {
    return {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(stream !== undefined && { 'content-type': 'application/octet-stream' }),
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
      ...headers,
    }
  }

  #validate(route: RouteSpec, status: number, contentType: string, body: Json | undefined): void {
    const where = `${route.method} ${route.path} ${status}`
    const responses = operationOf(this.#document, route)?.['responses'] as Json | undefined
    const documented = (responses?.[String(status)] ??
      (status >= 400 ? responses?.['default'] : undefined)) as Json | undefined
    if (documented === undefined) throw new Error(`${where} is not documented`)
    const content = documented['content'] as Json | undefined
    if (content === undefined) {
      if (body !== undefined) throw new Error(`${where} has a body, and is documented without one`)
      return
    }
    const [type = ''] = contentType.split(';')
    const media = content[type] as Json | undefined
    if (media === undefined)
      throw new Error(`${where} has the type ${type}, not ${Object.keys(content).join()}`)
    schemaOf(this.#document, media['schema']).parse(route.type === type ? body?.['text'] : body)
    if (status >= 400) problem.parse(body)
    else route.answer?.parse(body)
  }

  /** What was taken must have been allowed by the document. */
  #validateSent(route: RouteSpec, { body }: Sent): void {
    if (body === undefined) return
    const sent = operationOf(this.#document, route)?.['requestBody'] as
      | { readonly content: Readonly<Record<string, Json>> }
      | undefined
    schemaOf(this.#document, sent?.content['application/json']?.['schema']).parse(body)
  }
}

/** The served OpenAPI document. */
export async function readDocument(base: string): Promise<Json> {
  const { body } = await request(`${base}/api/openapi.json`)
  return (await body.json()) as Json
}

/** How the document tells this route; undefined when it does not. */
export function operationOf(document: Json, { method, path }: RouteSpec): Json | undefined {
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Json>>>>
  return paths[`/api/v1/${path.replaceAll(/:(\w+)/g, '{$1}')}`]?.[method.toLowerCase()]
}

const compiled = new WeakMap<object, z.ZodType>()

function schemaOf(document: Json, schema: unknown): z.ZodType {
  const key = schema as object
  const known = compiled.get(key)
  if (known !== undefined) return known
  const made = z.fromJSONSchema(inlined(document, schema) as Parameters<typeof z.fromJSONSchema>[0])
  compiled.set(key, made)
  return made
}

/** With what it refers to in its place: no schema of ours refers to itself. */
function inlined(document: Json, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => inlined(document, one))
  if (typeof value !== 'object' || value === null) return value
  const { $ref: reference } = value as { readonly $ref?: unknown }
  if (typeof reference === 'string') return inlined(document, lookUp(document, reference))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inlined(document, one)]))
}

function lookUp(document: Json, reference: string): unknown {
  const keys = reference.slice('#/'.length).split('/')
  return keys.reduce<unknown>((value, key) => (value as Json)[key], document)
}
