import { Inject, Injectable } from '@nestjs/common'
import { Interval } from '@nestjs/schedule'
import type { Logger } from 'pino'

import { Database } from '../database/database.js'
import { type Job, type Lease, LeaseLost, Leases } from '../leases/leases.js'
import { LOG } from '../system/log.js'
import { ClockProvider } from '../system/providers.js'
import { removeUnused } from './certificates/remove-unused.js'
import { Configurations } from './configurations.service.js'
import { type Applied, Generations } from './generations.js'
import { Site } from './site.js'

const EVERY_MS = 60 * 60 * 1000
const DOUBT_MS = 10_000
/** Certificates and keys lie in the folder of each box. */
const OWN = { everyMs: EVERY_MS, isOfOneBox: true }
const RENEW: Job = { name: 'renew-certificate', ...OWN }
const TIDY: Job = { name: 'remove-unused-certificates', ...OWN }
/** Each control plane has doubts of its own: that another had none is no reason. */
const SETTLE: Job = { name: 'settle-doubt' }
/** What is chosen now, and whatever a rollback could bring back. */
const NAMED = `SELECT DISTINCT intent->'certificate'->>'fingerprint' AS fingerprint FROM configuration
  WHERE intent->'certificate'->>'fingerprint' IS NOT NULL
  UNION SELECT value->>'fingerprint' FROM setting WHERE name = 'certificate'`

/**
 * What the box does by itself: a certificate of the own authority is issued anew when a third of its life is left, since
 * rendering does it; and what could not be kept is undone.
 */
@Injectable()
export class RenewalJob {
  constructor(
    private readonly configurations: Configurations,
    private readonly database: Database,
    private readonly generations: Generations,
    private readonly leases: Leases,
    private readonly site: Site,
    private readonly clock: ClockProvider,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  @Interval(EVERY_MS)
  async run(): Promise<void> {
    try {
      await this.leases.run(RENEW, async ({ require }) =>
        this.#tell(await this.configurations.refresh('certificate renewed', require)),
      )
    } catch (error) {
      if (this.#isOfAnother(error)) return
      this.log.error({ err: error }, 'the certificate could not be looked after: the next hour tries again')
    }
  }

  /** Keys of certificates that nobody goes back to any more are a risk, and nothing else. */
  @Interval(EVERY_MS)
  async tidy(): Promise<void> {
    try {
      await this.leases.run(TIDY, (lease) => this.#removeUnused(lease))
    } catch (error) {
      if (this.#isOfAnother(error)) return
      this.log.warn({ err: error }, 'unused certificates could not be removed: the next hour tries again')
    }
  }

  @Interval(DOUBT_MS)
  async settle(): Promise<void> {
    try {
      if (!this.configurations.isInDoubt) return
      await this.leases.run(SETTLE, async ({ require }) =>
        this.#tell(await this.configurations.refresh('what was not kept is undone', require)),
      )
    } catch (error) {
      if (this.#isOfAnother(error)) return
      this.log.warn({ err: error }, 'what was not kept cannot be undone yet')
    }
  }

  async #removeUnused({ require }: Lease): Promise<void> {
    const removed = await this.database.alone(async (manager) => {
      await require(manager)
      const rows = await manager.query<readonly { readonly fingerprint: string }[]>(NAMED)
      return removeUnused(this.site.certificates, {
        files: await this.generations.certificateFiles(),
        fingerprints: new Set(rows.map(({ fingerprint }) => fingerprint)),
        now: this.clock.now(),
      })
    })
    if (removed > 0) this.log.info({ removed }, 'certificates that nobody needs any more are removed')
  }

  #isOfAnother(error: unknown): boolean {
    if (!(error instanceof LeaseLost)) return false
    this.log.info(error.message)
    return true
  }

  #tell(applied: Applied | undefined): void {
    if (applied?.outcome !== 'refused') return
    const { stage, reason } = applied
    this.log.error({ stage, reason }, 'what is meant cannot be put in force: what was before serves on')
  }
}
