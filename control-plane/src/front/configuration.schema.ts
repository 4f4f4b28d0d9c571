import { z } from 'zod'

import { pageOf, pageQuery } from '../http/paging.js'
import { route } from '../http/route.js'

const configurationRow = z
  .strictObject({
    id: z.int(),
    at: z.iso.datetime(),
    author: z.string(),
    reason: z.string().meta({ description: 'The change that was asked for.' }),
    outcome: z.enum(['applied', 'refused']),
    cause: z.string().optional().meta({ description: 'Why it was refused.' }),
  })
  .meta({ id: 'Configuration' })

const configurationDiff = z
  .strictObject({
    ...configurationRow.shape,
    diff: z
      .string()
      .meta({ description: 'Of the rendered files, against what was in force before: unified.' }),
  })
  .meta({ id: 'ConfigurationDiff' })

const configurationQuery = z.strictObject({
  ...pageQuery.shape,
  after: z
    .string()
    .regex(/^[0-9]{1,9}$/, 'the `next` of the page before')
    .optional(),
})

/** Digits and nothing else: of two ways to write a number the audit would tell only one. */
export const configurationId = z
  .string()
  .regex(/^[1-9][0-9]{0,9}$/, 'the id of a row of the history is a number')
  .transform(Number)
  .pipe(z.int().max(2_147_483_647))

/** A change that was tried, in force since or refused. */
export type ConfigurationRow = z.output<typeof configurationRow>
/** The same with what it changed in the rendered files; secrets are hidden in it. */
export type ConfigurationDiff = z.output<typeof configurationDiff>

export const CONFIGURATION_ROUTES = {
  list: route({
    ...{
      method: 'GET',
      path: 'config/history',
      summary: 'Lists what was tried, the newest first',
      needs: 'read',
    },
    ...{ query: configurationQuery, status: 200, answer: pageOf(configurationRow, 'ConfigurationPage') },
  }),
  diff: route({
    ...{ method: 'GET', path: 'config/history/:id', summary: 'Shows one with its diff', needs: 'read' },
    ...{ status: 200, answer: configurationDiff },
  }),
  rollback: route({
    ...{ method: 'POST', path: 'config/history/:id/rollback', summary: 'Goes back to it', needs: 'admin' },
    status: 204,
  }),
} as const
