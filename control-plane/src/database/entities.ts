import { AccountEntity } from '../access/account.entity.js'
import { AdminTokenEntity } from '../access/admin-token.entity.js'
import { AuditEntity } from '../audit/audit.entity.js'
import { ConfigurationEntity } from '../front/configuration.entity.js'
import { SettingEntity } from '../front/setting.entity.js'
import { LeaseEntity } from '../leases/lease.entity.js'
import { UpstreamEntity } from '../upstreams/upstream.entity.js'

/** Every table. */
export const ENTITIES = [
  AccountEntity,
  AdminTokenEntity,
  AuditEntity,
  ConfigurationEntity,
  LeaseEntity,
  SettingEntity,
  UpstreamEntity,
] as const
