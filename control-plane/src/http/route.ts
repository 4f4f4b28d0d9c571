import { applyDecorators, Delete, Get, HttpCode, Patch, Post, Put, SetMetadata } from '@nestjs/common'
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger'
import type { z } from 'zod'
import type { Right } from '../access/right.js'
import { problem } from './problem.schema.js'

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
  readonly status: 200 | 201 | 204
  /** The media type of an answer that is no JSON. */
  readonly type?: string
  /** Two people may change it: it answers an ETag, and takes If-Match. */
  readonly versioned?: true
  /** What is answered; missing with 204, and where the answer is no JSON. */
  readonly answer?: z.ZodType
}

export const NEEDS = 'entrepot:needs'

const IF_MATCH = { name: 'If-Match', required: false, description: 'The ETag that was read before.' }
const METHODS = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete } as const

/** Keeps the types of its schemas. */
export function route<const S extends RouteSpec>(spec: S): S {
  return spec
}

function rightOf(needs: RouteSpec['needs']): string {
  return needs === 'nobody' ? 'Needs no token.' : `Needs a token with the right "${needs}".`
}

/** Binds a method of a controller to its route, with its permission and its documentation. */
export function Route(spec: RouteSpec): MethodDecorator {
  const { method, path, summary, needs, status, answer, type, versioned } = spec
  return applyDecorators(
    METHODS[method](path),
    HttpCode(status),
    SetMetadata(NEEDS, needs),
    ApiOperation({ summary, description: rightOf(needs) }),
    ...(versioned && method !== 'GET' ? [ApiHeader(IF_MATCH)] : []),
    ApiResponse({
      ...{ status, description: summary },
      ...(answer && { standardSchema: answer }),
      ...(type !== undefined && { content: { [type]: { schema: { type: 'string' } } } }),
    }),
    ApiResponse({ status: 'default', description: 'A problem (RFC 9457)', standardSchema: problem }),
  )
}
