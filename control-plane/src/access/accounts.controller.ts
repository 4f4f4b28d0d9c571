import { Body, Controller, Param, Query } from '@nestjs/common'

import { type Caller, IfMatch, Who } from '../http/caller.js'
import type { PageQuery } from '../http/paging.js'
import { Route } from '../http/bind-route.js'
import { ACCOUNT_ROUTES, type AccountSettings } from './account.schema.js'
import { Accounts } from './accounts.service.js'

@Controller()
export class AccountsController {
  constructor(private readonly accounts: Accounts) {}

  @Route(ACCOUNT_ROUTES.list)
  list(@Query({ schema: ACCOUNT_ROUTES.list.query }) query: PageQuery) {
    return this.accounts.list(query)
  }

  @Route(ACCOUNT_ROUTES.get)
  get(@Param('name') name: string) {
    return this.accounts.get(name)
  }

  @Route(ACCOUNT_ROUTES.create)
  create(@Body({ schema: ACCOUNT_ROUTES.create.body }) body: AccountSettings, @Who() caller: Caller) {
    return this.accounts.create(body, caller)
  }

  @Route(ACCOUNT_ROUTES.put)
  put(
    @Param('name') name: string,
    @Body({ schema: ACCOUNT_ROUTES.put.body }) body: AccountSettings,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.accounts.put(name, body, caller, ifMatch)
  }

  @Route(ACCOUNT_ROUTES.patch)
  patch(
    @Param('name') name: string,
    @Body({ schema: ACCOUNT_ROUTES.patch.body }) patch: AccountSettings,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.accounts.patch(name, patch, caller, ifMatch)
  }

  @Route(ACCOUNT_ROUTES.rotate)
  rotate(@Param('name') name: string, @Who() caller: Caller) {
    return this.accounts.rotate(name, caller)
  }

  @Route(ACCOUNT_ROUTES.remove)
  remove(@Param('name') name: string, @Who() caller: Caller, @IfMatch() ifMatch?: string) {
    return this.accounts.remove(name, caller, ifMatch)
  }
}
