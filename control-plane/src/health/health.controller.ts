import { Controller } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import { HEALTH_ROUTES } from './health.schema.js'
import { HealthService } from './health.service.js'

@Controller()
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Route(HEALTH_ROUTES.get)
  get() {
    return this.health.get()
  }
}
