import { Controller } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import type { SeenClient } from './seen-clients.js'
import { SEEN_ROUTES } from './seen.schema.js'
import { Traffic } from './traffic.js'

@Controller()
export class SeenController {
  constructor(private readonly traffic: Traffic) {}

  @Route(SEEN_ROUTES.list)
  async list(): Promise<{ items: readonly SeenClient[] }> {
    await this.traffic.catchUp()
    return { items: this.traffic.seen() }
  }
}
