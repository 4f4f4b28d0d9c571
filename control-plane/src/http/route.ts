import type { z } from 'zod'

import type { Right } from '../access/right.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * One route of the admin API, written once, in the `*.schema.ts` of its area: the controller is bound to it, OpenAPI
 * documents it, and the command line calls through it.
 */
export interface RouteSpec {
  readonly method: Method
  /** Below /api/v1, with `:name` for a parameter. */
  readonly path: string
  readonly summary: string
  /** The right that the token must have; `nobody` asks for no token. */
  readonly needs: Right | 'nobody'
  readonly body?: z.ZodType
  readonly query?: z.ZodType
  /** The media type of a body that is no JSON: a stream. */
  readonly takes?: string
  readonly status: 200 | 201 | 204
  /** The media type of an answer that is no JSON. */
  readonly type?: string
  /** Two people may change it: it answers an ETag, and takes If-Match. */
  readonly versioned?: true
  /** What is answered; missing with 204, and where the answer is no JSON. */
  readonly answer?: z.ZodType
}

/** Keeps the types of its schemas. */
export function route<const S extends RouteSpec>(spec: S): S {
  return spec
}
