import { Controller, Header, Param } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import type { ClientSystem } from './client-files.js'
import { CLIENT_ROUTES, clientSystem, scriptedSystem } from './clients.schema.js'
import { Clients } from './clients.service.js'
import type { ScriptedSystem } from './install-script.js'

@Controller()
export class ClientsController {
  constructor(private readonly clients: Clients) {}

  @Route(CLIENT_ROUTES.show)
  show(@Param('system', { schema: clientSystem }) system: ClientSystem) {
    return this.clients.show(system)
  }

  @Route(CLIENT_ROUTES.script)
  @Header('Content-Type', CLIENT_ROUTES.script.type)
  script(@Param('system', { schema: scriptedSystem }) system: ScriptedSystem) {
    return this.clients.script(system)
  }
}
