import { Controller, Param, Query } from '@nestjs/common'

import { type Caller, Who } from '../http/caller.js'
import type { PageQuery } from '../http/paging.js'
import { Route } from '../http/bind-route.js'
import { AcmeOrders } from './acme-orders.service.js'
import { CONFIGURATION_ROUTES, configurationId } from './configuration.schema.js'
import { Configurations } from './configurations.service.js'

@Controller()
export class ConfigurationController {
  constructor(
    private readonly configurations: Configurations,
    private readonly orders: AcmeOrders,
  ) {}

  @Route(CONFIGURATION_ROUTES.list)
  list(@Query({ schema: CONFIGURATION_ROUTES.list.query }) query: PageQuery) {
    return this.configurations.list(query)
  }

  @Route(CONFIGURATION_ROUTES.diff)
  diff(@Param('id', { schema: configurationId }) id: number) {
    return this.configurations.diff(id)
  }

  @Route(CONFIGURATION_ROUTES.rollback)
  async rollback(@Param('id', { schema: configurationId }) id: number, @Who() caller: Caller): Promise<void> {
    const { isOtherAcme } = await this.configurations.rollback(id, caller)
    if (isOtherAcme) await this.orders.end()
  }
}
