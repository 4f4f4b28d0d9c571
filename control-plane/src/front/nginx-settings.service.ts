import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { Database } from '../database/database.js'
import type { Caller } from '../http/caller.js'
import { requireMatch } from '../http/entity-tag.js'
import { mergePatch } from '../http/merge-patch.js'
import { Versioned } from '../http/versioned.interceptor.js'
import { Configurations } from './configurations.service.js'
import { type NginxPatch, type NginxSettings, nginxSettings } from './nginx-settings.schema.js'
import { SettingEntity } from './setting.entity.js'

const NAME = 'nginx'

/** The settings of nginx: one row, of which only what differs from the defaults need be said. */
@Injectable()
export class NginxSettingsService {
  constructor(
    private readonly database: Database,
    private readonly configurations: Configurations,
  ) {}

  get(): Promise<Versioned<NginxSettings>> {
    return this.database.transaction(read)
  }

  put(value: NginxSettings, caller: Caller, ifMatch?: string): Promise<Versioned<NginxSettings>> {
    return this.#change(caller, 'put', ifMatch, () => value)
  }

  patch(patch: NginxPatch, caller: Caller, ifMatch?: string): Promise<Versioned<NginxSettings>> {
    return this.#change(caller, 'patch', ifMatch, (before) => nginxSettings.parse(mergePatch(before, patch)))
  }

  #change(
    caller: Caller,
    verb: 'put' | 'patch',
    ifMatch: string | undefined,
    next: (before: NginxSettings) => NginxSettings,
  ): Promise<Versioned<NginxSettings>> {
    return this.configurations.change(caller, {
      action: `settings.nginx.${verb}`,
      target: NAME,
      run: async (manager) => {
        const { value: before, version } = await read(manager)
        requireMatch(ifMatch, 'setting', version)
        const after = next(before)
        const answer = new Versioned(after, version + 1)
        await manager.save(SettingEntity, { name: NAME, value: after, version: answer.version })
        return { answer, before, after }
      },
    })
  }
}

async function read(manager: EntityManager): Promise<Versioned<NginxSettings>> {
  const row = await manager.findOneBy(SettingEntity, { name: NAME })
  return new Versioned(nginxSettings.parse(row?.value ?? {}), row?.version ?? 0)
}
