import { Controller, Param } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import type { ClientSystem } from './client-files.js'
import { CLIENT_ROUTES, clientSystem } from './clients.schema.js'
import { Clients } from './clients.service.js'

@Controller()
export class ClientsController {
  constructor(private readonly clients: Clients) {}

  @Route(CLIENT_ROUTES.show)
  show(@Param('system', { schema: clientSystem }) system: ClientSystem) {
    return this.clients.show(system)
  }
}
