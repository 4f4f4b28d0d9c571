import { Body, Controller, Param, Query } from '@nestjs/common'

import { type Caller, IfMatch, Who } from '../http/caller.js'
import type { PageQuery } from '../http/paging.js'
import { Route } from '../http/bind-route.js'
import { UPSTREAM_ROUTES, type UpstreamSettings } from './upstream.schema.js'
import { Upstreams } from './upstreams.service.js'

@Controller()
export class UpstreamsController {
  constructor(private readonly upstreams: Upstreams) {}

  @Route(UPSTREAM_ROUTES.list)
  list(@Query({ schema: UPSTREAM_ROUTES.list.query }) query: PageQuery) {
    return this.upstreams.list(query)
  }

  @Route(UPSTREAM_ROUTES.get)
  get(@Param('host') host: string) {
    return this.upstreams.get(host)
  }

  @Route(UPSTREAM_ROUTES.state)
  state(@Param('host') host: string) {
    return this.upstreams.state(host)
  }

  @Route(UPSTREAM_ROUTES.check)
  check(@Param('host') host: string) {
    return this.upstreams.check(host)
  }

  @Route(UPSTREAM_ROUTES.put)
  put(
    @Param('host') host: string,
    @Body({ schema: UPSTREAM_ROUTES.put.body }) body: UpstreamSettings,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.upstreams.put(host, body, caller, ifMatch)
  }

  @Route(UPSTREAM_ROUTES.patch)
  patch(
    @Param('host') host: string,
    @Body({ schema: UPSTREAM_ROUTES.patch.body }) patch: UpstreamSettings,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.upstreams.patch(host, patch, caller, ifMatch)
  }

  @Route(UPSTREAM_ROUTES.remove)
  remove(@Param('host') host: string, @Who() caller: Caller, @IfMatch() ifMatch?: string) {
    return this.upstreams.remove(host, caller, ifMatch)
  }
}
