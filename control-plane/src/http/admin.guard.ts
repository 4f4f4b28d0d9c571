import type { CanActivate, ExecutionContext } from '@nestjs/common'
import { Injectable } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Request } from 'express'

import { AdminTokens } from '../access/admin-tokens.service.js'
import { includes, type Right } from '../access/right.js'
import { rememberCaller } from './caller.js'
import { ProductError } from './product-error.js'
import { addressOf } from './request-id.js'
import { NEEDS } from './bind-route.js'

/** Every route says what it needs; one that says nothing is refused, so that none is forgotten. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AdminTokens,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const needs = this.reflector.get<Right | 'nobody' | undefined>(NEEDS, context.getHandler())
    const request = context.switchToHttp().getRequest<Request>()
    if (needs === undefined)
      throw new ProductError('no-such-route', { method: request.method, path: request.path })
    if (needs === 'nobody') {
      rememberCaller(request, undefined)
      return true
    }
    const [, text] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '') ?? []
    if (text === undefined) throw new ProductError('no-token', {})
    const token = await this.tokens.verify(text, addressOf(request))
    if (!includes(token.right, needs))
      throw new ProductError('not-allowed', { needed: needs, has: token.right })
    rememberCaller(request, token)
    return true
  }
}
