import { Injectable } from '@nestjs/common'

import { Core } from '../core/core.js'
import { Database } from '../database/database.js'
import { Certificates } from '../front/certificates.service.js'
import { Generations } from '../front/generations.js'
import { ClockProvider } from '../system/providers.js'
import type { Health, Part } from './health.schema.js'

/** Asks every part. */
@Injectable()
export class HealthService {
  constructor(
    private readonly database: Database,
    private readonly core: Core,
    private readonly generations: Generations,
    private readonly certificates: Certificates,
    private readonly clock: ClockProvider,
  ) {}

  async get(): Promise<Health> {
    const [postgres, core, front, certificate] = await Promise.all([
      look(() => this.#postgres()),
      look(() => this.#core()),
      look(() => this.#front()),
      look(() => this.#certificate()),
    ])
    const parts = { postgres, core, front, certificate }
    return { state: Object.values(parts).every(({ state }) => state === 'up') ? 'up' : 'degraded', parts }
  }

  async #postgres(): Promise<Part> {
    await this.database.check()
    return { state: 'up' }
  }

  async #core(): Promise<Part> {
    return { state: 'up', detail: await this.core.status() }
  }

  async #front(): Promise<Part> {
    const { current, running, drift } = await this.generations.look()
    const detail = { current, running }
    if (running === undefined) return { state: 'down', cause: 'nginx does not answer', detail }
    if (drift.length === 0) return { state: 'up', detail }
    const cause = `${drift.join(', ')} by hand: the next change of a setting replaces it`
    return { state: 'degraded', cause, detail }
  }

  async #certificate(): Promise<Part> {
    const { server, acme } = await this.certificates.show()
    const { state, days, notBefore, notAfter } = server
    if (server.isChosenLost) {
      const cause =
        'the files of the certificate that was chosen are gone, and one of the own authority serves in its place: ' +
        'upload it again, or take the own one with entrepot certificates reset'
      return { state: 'degraded', cause, detail: { notAfter } }
    }
    if (acme?.state === 'failed') {
      const cause = `the one in force ends on ${notAfter}, and none came by ACME: ${acme.reason ?? ''}`
      return { state: 'degraded', cause, detail: { notAfter, nextTryAt: acme.nextTryAt } }
    }
    if (state === 'fine' || state === 'renew') return { state: 'up', detail: { notAfter } }
    const isEarly = this.clock.now() < new Date(notBefore)
    const end = state === 'expired' ? `it ended on ${notAfter}` : `it ends in ${days} days, on ${notAfter}`
    const cause = isEarly ? `it is valid from ${notBefore} on only: is the clock of this machine right?` : end
    return { state: 'degraded', cause, detail: { notAfter } }
  }
}

async function look(ask: () => Promise<Part>): Promise<Part> {
  try {
    return await ask()
  } catch (error) {
    return { state: 'down', cause: Error.isError(error) ? error.message : String(error) }
  }
}
