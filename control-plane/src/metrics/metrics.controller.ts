import { Controller, Header } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import { METRICS_ROUTES } from './metrics.schema.js'
import { MetricsService } from './metrics.service.js'

@Controller()
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  @Route(METRICS_ROUTES.get)
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  get(): Promise<string> {
    return this.metrics.text()
  }
}
