import { Inject, Injectable } from '@nestjs/common'
import { Interval } from '@nestjs/schedule'
import type { Logger } from 'pino'

import { LOG } from '../system/log.js'
import { Configurations } from './configurations.service.js'
import type { Applied } from './generations.js'

const EVERY_MS = 60 * 60 * 1000
const DOUBT_MS = 10_000

/**
 * What the box does by itself: a certificate of the own authority is issued anew when a third of its life is left, since
 * rendering does it; and what could not be kept is undone.
 */
@Injectable()
export class RenewalJob {
  constructor(
    private readonly configurations: Configurations,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  @Interval(EVERY_MS)
  async run(): Promise<void> {
    try {
      this.#tell(await this.configurations.refresh('certificate renewed'))
    } catch (error) {
      this.log.error({ err: error }, 'the certificate could not be looked after: the next hour tries again')
    }
  }

  @Interval(DOUBT_MS)
  async settle(): Promise<void> {
    try {
      this.#tell(await this.configurations.settleDoubt())
    } catch (error) {
      this.log.warn({ err: error }, 'what was not kept cannot be undone yet')
    }
  }

  #tell(applied: Applied | undefined): void {
    if (applied?.outcome !== 'refused') return
    const { stage, reason } = applied
    this.log.error({ stage, reason }, 'what is meant cannot be put in force: what was before serves on')
  }
}
