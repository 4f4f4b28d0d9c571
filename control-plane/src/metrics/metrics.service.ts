import { Injectable } from '@nestjs/common'
import { Registry } from 'prom-client'

import { Core } from '../core/core.js'
import { Database } from '../database/database.js'
import { Generations } from '../front/generations.js'
import { ConfigurationEntity } from '../front/configuration.entity.js'
import { Certificates } from '../front/certificates.service.js'
import { HealthService } from '../health/health.service.js'
import { Leases } from '../leases/leases.js'
import { ClockProvider } from '../system/providers.js'
import { Traffic } from '../traffic/traffic.js'
import { openBoxMetrics } from './box-metrics.js'

/** The one address for Prometheus: what nginx has served, the core's own metrics, and how the box is. */
@Injectable()
export class MetricsService {
  readonly #register = new Registry()
  readonly #box = openBoxMetrics(this.#register)
  #certificates: Readonly<Record<string, number>> | undefined

  constructor(
    private readonly traffic: Traffic,
    private readonly core: Core,
    private readonly health: HealthService,
    private readonly generations: Generations,
    private readonly database: Database,
    private readonly certificates: Certificates,
    private readonly leases: Leases,
    private readonly clock: ClockProvider,
  ) {}

  /** What cannot be asked is left out, and the part is down: an answer there is always. */
  async text(): Promise<string> {
    const [core] = await Promise.all([
      unlessAway(() => this.core.metrics()),
      unlessAway(() => this.traffic.catchUp()),
      this.#lookAtBox(),
    ])
    const texts = [await this.traffic.register.metrics(), await this.#register.metrics(), core ?? '']
    return texts.map((text) => (text === '' || text.endsWith('\n') ? text : `${text}\n`)).join('')
  }

  async #lookAtBox(): Promise<void> {
    const [{ parts }, front, changes, certificates, jobs] = await Promise.all([
      this.health.get(),
      unlessAway(() => this.generations.look()),
      unlessAway(() => this.#changes()),
      unlessAway(() => this.certificates.show()),
      unlessAway(() => this.leases.look()),
    ])
    if (certificates !== undefined) this.#certificates = endsOf(certificates)
    // While Postgres is away nobody changes them: what was known holds.
    const known = this.#certificates
    this.#box.set({ parts, front, changes, certificates: known, jobs, nowMs: this.clock.now().getTime() })
  }

  async #changes(): Promise<Record<string, number>> {
    const rows = await this.database.transaction((manager) =>
      manager
        .createQueryBuilder(ConfigurationEntity, 'row')
        .select('row.outcome', 'outcome')
        .addSelect('count(*)', 'count')
        .groupBy('row.outcome')
        .getRawMany<{ outcome: string; count: string }>(),
    )
    const counted = rows.map(({ outcome, count }) => [outcome, Number(count)] as const)
    return { applied: 0, refused: 0, ...Object.fromEntries(counted) }
  }
}

function endsOf(shown: Readonly<Record<'authority' | 'server', { readonly notAfter: string }>>) {
  return { authority: Date.parse(shown.authority.notAfter), server: Date.parse(shown.server.notAfter) }
}

async function unlessAway<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch {
    return undefined // its part is down, and health says why
  }
}
