import { Body, Controller, Headers, Req, Res } from '@nestjs/common'
import { ApiHeader } from '@nestjs/swagger'
import type { Request, Response } from 'express'

import { type Caller, Who } from '../http/caller.js'
import { Route } from '../http/bind-route.js'
import { BACKUP_ROUTES, type BackupWish, PASSPHRASE_HEADER } from './backup.schema.js'
import { Backups } from './backups.service.js'
import { Restores } from './restores.service.js'

@Controller()
export class BackupController {
  constructor(
    private readonly backups: Backups,
    private readonly restores: Restores,
  ) {}

  @Route(BACKUP_ROUTES.backup)
  backup(
    @Body({ schema: BACKUP_ROUTES.backup.body }) wish: BackupWish,
    @Who() caller: Caller,
    @Res() response: Response,
  ) {
    return this.backups.write(wish, caller, response)
  }

  @Route(BACKUP_ROUTES.restore)
  @ApiHeader({ name: PASSPHRASE_HEADER, required: false, description: 'Base64 of the passphrase in UTF-8.' })
  restore(
    @Req() request: Request,
    @Who() caller: Caller,
    @Headers(PASSPHRASE_HEADER) passphrase: string | undefined,
  ) {
    return this.restores.restore(request, passphrase, caller)
  }
}
