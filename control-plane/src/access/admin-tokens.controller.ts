import { Body, Controller, Param, Query } from '@nestjs/common'

import { type Caller, Who } from '../http/caller.js'
import type { PageQuery } from '../http/paging.js'
import { Route } from '../http/bind-route.js'
import { ADMIN_TOKEN_ROUTES, type NewAdminToken } from './admin-token.schema.js'
import { AdminTokens } from './admin-tokens.service.js'

@Controller()
export class AdminTokensController {
  constructor(private readonly tokens: AdminTokens) {}

  @Route(ADMIN_TOKEN_ROUTES.list)
  list(@Query({ schema: ADMIN_TOKEN_ROUTES.list.query }) query: PageQuery) {
    return this.tokens.list(query)
  }

  @Route(ADMIN_TOKEN_ROUTES.create)
  create(@Body({ schema: ADMIN_TOKEN_ROUTES.create.body }) wanted: NewAdminToken, @Who() caller: Caller) {
    return this.tokens.create(wanted, caller)
  }

  @Route(ADMIN_TOKEN_ROUTES.remove)
  remove(@Param('name') name: string, @Who() caller: Caller) {
    return this.tokens.remove(name, caller)
  }
}
