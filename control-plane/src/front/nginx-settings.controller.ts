import { Body, Controller } from '@nestjs/common'

import { type Caller, IfMatch, Who } from '../http/caller.js'
import { Route } from '../http/bind-route.js'
import { NGINX_SETTINGS_ROUTES, type NginxPatch, type NginxSettings } from './nginx-settings.schema.js'
import { NginxSettingsService } from './nginx-settings.service.js'

@Controller()
export class NginxSettingsController {
  constructor(private readonly settings: NginxSettingsService) {}

  @Route(NGINX_SETTINGS_ROUTES.get)
  get() {
    return this.settings.get()
  }

  @Route(NGINX_SETTINGS_ROUTES.put)
  put(
    @Body({ schema: NGINX_SETTINGS_ROUTES.put.body }) value: NginxSettings,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.settings.put(value, caller, ifMatch)
  }

  @Route(NGINX_SETTINGS_ROUTES.patch)
  patch(
    @Body({ schema: NGINX_SETTINGS_ROUTES.patch.body }) patch: NginxPatch,
    @Who() caller: Caller,
    @IfMatch() ifMatch?: string,
  ) {
    return this.settings.patch(patch, caller, ifMatch)
  }
}
