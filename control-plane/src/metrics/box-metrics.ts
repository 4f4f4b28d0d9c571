import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'

import type { Standing } from '../front/generations.js'
import type { Part } from '../health/health.schema.js'
import type { LeaseEntity } from '../leases/lease.entity.js'

/** What is told of the box, in numbers. */
export interface BoxFacts {
  readonly parts: Readonly<Record<string, Part>>
  readonly front: Pick<Standing, 'drift' | 'draining'> | undefined
  /** Undefined while Postgres cannot tell. */
  readonly changes: Readonly<Record<string, number>> | undefined
  /** When each certificate ends, in milliseconds of the clock. */
  readonly certificates: Readonly<Record<string, number>> | undefined
  /** Undefined while Postgres cannot tell. */
  readonly jobs: readonly Pick<LeaseEntity, 'name' | 'begun' | 'failed'>[] | undefined
  readonly nowMs: number
}

/** Gauges of the box and of the control plane's own process; `set` before each scrape. */
export interface BoxMetrics {
  set(facts: BoxFacts): void
}

const STATES: Readonly<Record<Part['state'], number>> = { up: 1, degraded: 0.5, down: 0 }

/** How often the lag of the event loop is looked at: every 10 ms, prom-client's own, was most of what an idle process did. */
const LAG_STEP_MS = 50

/** Registers all gauges, and prom-client's default ones of this process. */
export function openBoxMetrics(register: Registry): BoxMetrics {
  collectDefaultMetrics({
    ...{ register, prefix: 'entrepot_control_plane_' },
    eventLoopMonitoringPrecision: LAG_STEP_MS,
  })
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers: [register] })
  const parts = gauge('entrepot_part_up', 'Each part of the box: 1 up, 0.5 degraded, 0 down.', 'part')
  const drift = gauge('entrepot_configuration_drift_files', 'Rendered files that somebody has edited.')
  const draining = gauge(
    'entrepot_front_draining_generations',
    'Generations of workers of nginx that only end the transfers they have.',
  )
  const changes = gauge(
    'entrepot_configuration_changes',
    'Changes of the configuration in the history, by what became of them.',
    'outcome',
  )
  const expiry = gauge(
    'entrepot_certificate_expiry_timestamp_seconds',
    'When the certificate ends, in seconds since 1970.',
    'certificate',
  )
  const remaining = gauge(
    'entrepot_certificate_remaining_seconds',
    'How long the certificate holds; negative when it has ended.',
    'certificate',
  )
  const setJobs = openJobMetrics(gauge)
  return {
    set({ parts: states, front, changes: counted, certificates, jobs, nowMs }) {
      for (const [part, { state }] of Object.entries(states)) parts.set({ part }, STATES[state])
      if (front !== undefined) {
        drift.set(front.drift.length)
        draining.set(front.draining)
      }
      for (const [outcome, count] of Object.entries(counted ?? {})) changes.set({ outcome }, count)
      for (const [certificate, endMs] of Object.entries(certificates ?? {})) {
        expiry.set({ certificate }, Math.round(endMs / 1000))
        remaining.set({ certificate }, Math.round((endMs - nowMs) / 1000))
      }
      setJobs(jobs ?? [])
    },
  }
}

type MakeGauge = (name: string, help: string, ...labelNames: string[]) => Gauge

function openJobMetrics(gauge: MakeGauge): (jobs: NonNullable<BoxFacts['jobs']>) => void {
  const begun = gauge(
    'entrepot_job_begun_timestamp_seconds',
    'When the job was begun last, in seconds since 1970.',
    'job',
  )
  const failed = gauge('entrepot_job_failed', 'Whether its last run has failed: 1, else 0.', 'job')
  return (jobs) => {
    for (const { name: job, ...last } of jobs) {
      begun.set({ job }, Math.round(last.begun.getTime() / 1000))
      failed.set({ job }, last.failed === true ? 1 : 0)
    }
  }
}
