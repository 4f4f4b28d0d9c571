import { Injectable } from '@nestjs/common'

import { Core } from '../core/core.js'
import { Database } from '../database/database.js'
import type { Health, Part } from './health.schema.js'

/** Asks every part. */
@Injectable()
export class HealthService {
  constructor(
    private readonly database: Database,
    private readonly core: Core,
  ) {}

  async get(): Promise<Health> {
    const [postgres, core] = await Promise.all([
      look(() => this.database.check()),
      look(() => this.core.status()),
    ])
    const isUp = [postgres, core].every(({ state }) => state === 'up')
    return { state: isUp ? 'up' : 'degraded', parts: { postgres, core } }
  }
}

async function look(ask: () => Promise<unknown>): Promise<Part> {
  try {
    const detail = await ask()
    return { state: 'up', ...(detail !== undefined && { detail }) }
  } catch (error) {
    return { state: 'down', cause: Error.isError(error) ? error.message : String(error) }
  }
}
