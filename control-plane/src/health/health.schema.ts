import { z } from 'zod'

import { route } from '../http/route.js'

const part = z.strictObject({
  state: z.enum(['up', 'degraded', 'down']),
  cause: z.string().optional().meta({ description: 'Why, in words.' }),
  detail: z.unknown().optional(),
})

const health = z
  .strictObject({ state: z.enum(['up', 'degraded']), parts: z.record(z.string(), part) })
  .meta({ id: 'Health' })

/** A part of the box: `up`, `degraded` (it serves, and somebody should look) or `down`, with the cause in words. */
export type Part = z.output<typeof part>
/** All parts; the whole is `degraded` unless each of them is `up`. */
export type Health = z.output<typeof health>

export const HEALTH_ROUTES = {
  get: route({
    ...{
      method: 'GET',
      path: 'health',
      summary: "Every part's state, with the cause in words",
      needs: 'read',
    },
    ...{ status: 200, answer: health },
  }),
} as const
