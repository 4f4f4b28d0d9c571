import { z } from 'zod'

import { pageOf, pageQuery } from '../http/paging.js'
import { route } from '../http/route.js'

const auditRow = z
  .strictObject({
    id: z.string(),
    at: z.iso.datetime(),
    author: z
      .string()
      .meta({ description: 'The name of the admin token; entrepot for what the box did by itself.' }),
    address: z.string(),
    requestId: z.string(),
    action: z.string(),
    target: z.string(),
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: 'AuditRow' })

const auditQuery = z.strictObject({
  ...pageQuery.shape,
  after: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'the `next` of the page before')
    .optional(),
  target: z.string().optional(),
  author: z.string().optional(),
})

/** One change: who, from where, what; `before` and `after` hold no secrets. */
export type AuditRow = z.output<typeof auditRow>
/** A page of them, of all targets and authors or of one. */
export type AuditQuery = z.output<typeof auditQuery>

export const AUDIT_ROUTES = {
  list: route({
    ...{ method: 'GET', path: 'audit', summary: 'Lists who changed what, the newest first', needs: 'read' },
    ...{ query: auditQuery, status: 200, answer: pageOf(auditRow, 'AuditPage') },
  }),
} as const
