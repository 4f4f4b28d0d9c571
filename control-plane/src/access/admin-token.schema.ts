import { z } from 'zod'

import { pageOf, pageQuery } from '../http/paging.js'
import { route } from '../http/route.js'
import { RIGHTS } from './right.js'

/** Whatever ENTREPOT_ADMIN_TOKEN says is the token of this id and name: no other may have it. */
export const ENVIRONMENT = 'environment'

const name = z
  .string('a name of 1 to 64 letters, digits, . _ and -')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of 1 to 64 letters, digits, . _ and -')
  .meta({ description: 'What the audit calls whoever uses it.' })

/** What is asked for. The name is taken by the audit, and must be free. */
export const newAdminToken = z
  .strictObject({
    name: name.refine((text) => text !== ENVIRONMENT, 'another name: this one is of ENTREPOT_ADMIN_TOKEN'),
    rights: z.enum(RIGHTS, 'read, operate or admin').meta({ description: 'Each includes those before it.' }),
    until: z.iso
      .datetime('a time like 2027-01-31T18:00:00Z')
      .optional()
      .meta({ description: 'When it ends.' }),
  })
  .meta({ id: 'NewAdminToken' })

/** A token as it is listed: all but the token itself, of which the database holds an argon2id hash. */
export const adminToken = z
  .strictObject({ id: z.string(), ...newAdminToken.shape, name, createdAt: z.iso.datetime() })
  .meta({ id: 'AdminToken' })

const madeAdminToken = z
  .strictObject({ ...adminToken.shape, token: z.string().meta({ description: 'Shown this once.' }) })
  .meta({ id: 'MadeAdminToken' })

export type NewAdminToken = z.output<typeof newAdminToken>
export type AdminToken = z.output<typeof adminToken>
export type MadeAdminToken = z.output<typeof madeAdminToken>

export const ADMIN_TOKEN_ROUTES = {
  list: route({
    ...{ method: 'GET', path: 'admin-tokens', summary: 'Lists the admin tokens', needs: 'admin' },
    ...{ query: pageQuery, status: 200, answer: pageOf(adminToken, 'AdminTokenPage') },
  }),
  create: route({
    ...{
      method: 'POST',
      path: 'admin-tokens',
      summary: 'Makes an admin token, and shows it once',
      needs: 'admin',
    },
    ...{ body: newAdminToken, status: 201, answer: madeAdminToken },
  }),
  remove: route({
    ...{ method: 'DELETE', path: 'admin-tokens/:name', summary: 'Takes an admin token back', needs: 'admin' },
    status: 204,
  }),
} as const
