import { Counter, Gauge, type Registry } from 'prom-client'

/** What becomes of the events for one endpoint. */
export interface EndpointCounters {
  sent(): void
  failed(): void
  lost(events: number): void
}

/** By the endpoint's name. */
export interface NotificationMetrics {
  endpoint(name: string): EndpointCounters
  /** Asked each time when somebody reads the metrics. */
  watchPending(name: string, pending: () => number): void
  /** The endpoint is no more; its counts stay. */
  forget(name: string): void
}

export function openNotificationMetrics(register: Registry): NotificationMetrics {
  const pendings = new Map<string, () => number>()
  const labelNames = ['endpoint'] as const
  const registers = [register]
  const sent = new Counter({
    ...{ name: 'registry_notifications_sent_total', labelNames, registers },
    help: 'Events that the endpoint has taken.',
  })
  const failures = new Counter({
    ...{ name: 'registry_notifications_failures_total', labelNames, registers },
    help: 'Tries to send an event that failed; each event is tried again.',
  })
  const lost = new Counter({
    ...{ name: 'registry_notifications_lost_total', labelNames, registers },
    help: 'Events that the endpoint will never hear of: the journal does not keep them any more.',
  })
  new Gauge({
    ...{ name: 'registry_notifications_pending', labelNames, registers },
    help: 'Entries of the journal of this process that wait for the endpoint.',
    collect() {
      this.reset()
      for (const [endpoint, pending] of pendings) this.set({ endpoint }, pending())
    },
  })
  return {
    endpoint: (endpoint) => ({
      sent: () => sent.inc({ endpoint }),
      failed: () => failures.inc({ endpoint }),
      lost: (events) => lost.inc({ endpoint }, events),
    }),
    watchPending: (name, pending) => void pendings.set(name, pending),
    forget: (name) => void pendings.delete(name),
  }
}
