import { Controller, Query } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import { AUDIT_ROUTES, type AuditQuery } from './audit.schema.js'
import { Audit } from './audit.service.js'

@Controller()
export class AuditController {
  constructor(private readonly audit: Audit) {}

  @Route(AUDIT_ROUTES.list)
  list(@Query({ schema: AUDIT_ROUTES.list.query }) query: AuditQuery) {
    return this.audit.list(query)
  }
}
