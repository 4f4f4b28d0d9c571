import { applyDecorators, Delete, Get, HttpCode, Patch, Post, Put, SetMetadata } from '@nestjs/common'
import { ApiBody, ApiConsumes, ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger'

import { problem } from './problem.schema.js'
import type { RouteSpec } from './route.js'

/** Under which the guard finds what a route needs. A method without it is answered to nobody. */
export const NEEDS = 'entrepot:needs'

const IF_MATCH = { name: 'If-Match', required: false, description: 'The ETag that was read before.' }
const METHODS = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete } as const

function rightOf(needs: RouteSpec['needs']): string {
  return needs === 'nobody' ? 'Needs no token.' : `Needs a token with the right "${needs}".`
}

/** Binds a method of a controller to its route, with its permission and its documentation. */
export function Route(spec: RouteSpec): MethodDecorator {
  const { method, path, summary, needs, status, answer, type, takes, versioned } = spec
  return applyDecorators(
    METHODS[method](path),
    HttpCode(status),
    SetMetadata(NEEDS, needs),
    ApiOperation({ summary, description: rightOf(needs) }),
    ...(versioned && method !== 'GET' ? [ApiHeader(IF_MATCH)] : []),
    ...(takes === undefined
      ? []
      : [ApiConsumes(takes), ApiBody({ schema: { type: 'string', format: 'binary' } })]),
    ApiResponse({
      ...{ status, description: summary },
      ...(answer && { standardSchema: answer }),
      ...(type !== undefined && { content: { [type]: { schema: { type: 'string' } } } }),
    }),
    ApiResponse({ status: 'default', description: 'A problem (RFC 9457)', standardSchema: problem }),
  )
}
