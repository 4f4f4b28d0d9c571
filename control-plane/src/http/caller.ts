import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import type { Request } from 'express'

import type { Right } from '../access/right.js'
import { addressOf, requestIdOf } from './request-id.js'

/** Who asks, as the audit tells it. */
export interface Caller {
  /** The name of the admin token; `nobody` on routes that need none. */
  readonly author: string
  readonly right: Right | 'nobody'
  readonly address: string
  readonly requestId: string
}

/** Whatever is done without a request. */
export const THE_BOX: Caller = { author: 'entrepot', right: 'nobody', address: 'local', requestId: '' }

const CALLER = Symbol('caller')

/** Only the guard knows who asks. */
export function rememberCaller(
  request: Request,
  token: { readonly name: string; readonly right: Right } | undefined,
): void {
  const caller: Caller = {
    author: token?.name ?? 'nobody',
    right: token?.right ?? 'nobody',
    address: addressOf(request),
    requestId: requestIdOf(request),
  }
  Object.assign(request, { [CALLER]: caller })
}

function callerOf(request: Request): Caller {
  const { [CALLER]: caller } = request as Request & { [CALLER]?: Caller }
  if (caller === undefined) throw new Error('a route without the guard')
  return caller
}

/** A parameter of a controller's method: who asks. */
export const Who = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<Request>()),
)

/** A parameter of a controller's method: the entity tags that the client takes for current (RFC 9110 §13.1.1). */
export const IfMatch = createParamDecorator(
  (_data: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<Request>().headers['if-match'],
)
