import { Inject, Injectable } from '@nestjs/common'
import { Interval } from '@nestjs/schedule'
import type { Logger } from 'pino'

import { LOG } from '../system/log.js'
import { Configurations } from './configurations.service.js'

const EVERY_MS = 60 * 60 * 1000

/** A certificate of the own authority is issued anew when a third of its life is left: rendering does it. */
@Injectable()
export class RenewalJob {
  constructor(
    private readonly configurations: Configurations,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  @Interval(EVERY_MS)
  async run(): Promise<void> {
    try {
      await this.configurations.refresh('certificate renewed')
    } catch (error) {
      this.log.error({ err: error }, 'the certificate could not be looked after: the next hour tries again')
    }
  }
}
