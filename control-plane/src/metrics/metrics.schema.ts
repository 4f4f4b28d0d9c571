import { route } from '../http/route.js'

export const METRICS_ROUTES = {
  get: route({
    ...{
      method: 'GET',
      path: 'metrics',
      summary: 'What the whole box counts, for Prometheus; also as /metrics',
      needs: 'read',
    },
    ...{ status: 200, type: 'text/plain' },
  }),
} as const
