import { hostname } from 'node:os'

import { type DynamicModule, Module } from '@nestjs/common'
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core'
import { StandardSchemaValidationPipe } from '@nestjs/common'
import { ScheduleModule } from '@nestjs/schedule'
import type { Logger } from 'pino'

import { AccountsController } from './access/accounts.controller.js'
import { Accounts } from './access/accounts.service.js'
import { AdminTokensController } from './access/admin-tokens.controller.js'
import { AdminTokens } from './access/admin-tokens.service.js'
import { AuditController } from './audit/audit.controller.js'
import { Audit } from './audit/audit.service.js'
import { BackupController } from './backup/backup.controller.js'
import { Backups } from './backup/backups.service.js'
import { Restores } from './backup/restores.service.js'
import { ClientsController } from './clients/clients.controller.js'
import { Clients } from './clients/clients.service.js'
import { CoreImages } from './core/core-images.js'
import { Core } from './core/core.js'
import { Database } from './database/database.js'
import { AcmeOrders } from './front/acme-orders.service.js'
import { Acme } from './front/acme.service.js'
import { CertificatesController } from './front/certificates.controller.js'
import { Certificates } from './front/certificates.service.js'
import { Generations } from './front/generations.js'
import { ConfigurationController } from './front/configuration.controller.js'
import { Configurations } from './front/configurations.service.js'
import { NginxSettingsController } from './front/nginx-settings.controller.js'
import { NginxSettingsService } from './front/nginx-settings.service.js'
import { RenewalJob } from './front/renewal.job.js'
import { Site } from './front/site.js'
import { HealthController } from './health/health.controller.js'
import { HealthService } from './health/health.service.js'
import { AdminGuard } from './http/admin.guard.js'
import { fieldProblems } from './http/field-problems.js'
import { ProblemsFilter } from './http/problems.filter.js'
import { ProductError } from './http/product-error.js'
import { VersionedInterceptor } from './http/versioned.interceptor.js'
import { MetricsController } from './metrics/metrics.controller.js'
import { MetricsService } from './metrics/metrics.service.js'
import { Leases } from './leases/leases.js'
import { LOG } from './system/log.js'
import { ClockProvider, RandomProvider } from './system/providers.js'
import { Sealing } from './system/sealed.js'
import { SeenController } from './traffic/seen.controller.js'
import { Traffic } from './traffic/traffic.js'
import { UpstreamsController } from './upstreams/upstreams.controller.js'
import { Upstreams } from './upstreams/upstreams.service.js'

/** What the control plane stands on; the rest it makes itself. */
export interface Foundations {
  readonly database: Database
  readonly core: Core
  readonly images: CoreImages
  readonly generations: Generations
  readonly site: Site
  readonly sealing: Sealing
  /** What nginx logs, followed: started and stopped with the API. */
  readonly traffic: Traffic
  readonly clock: ClockProvider
  readonly random: RandomProvider
  readonly log: Logger
}

const SERVICES = [
  Accounts,
  AdminTokens,
  Audit,
  Backups,
  Acme,
  AcmeOrders,
  Certificates,
  Clients,
  Configurations,
  HealthService,
  MetricsService,
  NginxSettingsService,
  RenewalJob,
  Restores,
  Upstreams,
]

/** Every area: one module, since the areas share one database and one configuration. */
@Module({})
export class AppModule {
  static on({
    database,
    core,
    images,
    generations,
    site,
    sealing,
    traffic,
    clock,
    random,
    log,
  }: Foundations): DynamicModule {
    const invalid = (issues: Parameters<typeof fieldProblems>[0]) =>
      new ProductError('invalid', { fields: fieldProblems(issues) })
    return {
      module: AppModule,
      imports: [ScheduleModule.forRoot()],
      controllers: [
        ...[AccountsController, AdminTokensController, AuditController, BackupController],
        // `clients/seen` before `clients/:system`
        ...[CertificatesController, SeenController, ClientsController, ConfigurationController],
        ...[HealthController, MetricsController, NginxSettingsController, UpstreamsController],
      ],
      providers: [
        { provide: Database, useValue: database },
        { provide: Core, useValue: core },
        { provide: CoreImages, useValue: images },
        { provide: Generations, useValue: generations },
        { provide: Site, useValue: site },
        { provide: LOG, useValue: log },
        { provide: Sealing, useValue: sealing },
        { provide: Traffic, useValue: traffic },
        { provide: ClockProvider, useValue: clock },
        { provide: RandomProvider, useValue: random },
        {
          provide: Leases,
          useValue: new Leases({ database, clock, log, holder: `${hostname()} ${site.certificates}` }),
        },
        ...SERVICES,
        { provide: APP_GUARD, useClass: AdminGuard },
        { provide: APP_INTERCEPTOR, useClass: VersionedInterceptor },
        { provide: APP_PIPE, useValue: new StandardSchemaValidationPipe({ exceptionFactory: invalid }) },
        { provide: APP_FILTER, useValue: new ProblemsFilter(log) },
      ],
    }
  }
}
