import { accountSchema } from '@entrepot/registry-core/contract'
import { z } from 'zod'

import { fieldProblems } from '../http/field-problems.js'
import { mergePatchSchema } from '../http/merge-patch.js'
import { pageOf, pageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { route } from '../http/route.js'

/** As the core's own configuration has it: `rights`, `until`, `countsAsPull`. */
export type AccountSettings = Readonly<Record<string, unknown>>

const core = accountSchema.omit({ secretHash: true })
const coreSettings = core.omit({ name: true })

const describedBy = (schema: Readonly<Record<string, unknown>>, id: string) =>
  z
    .record(z.string(), z.unknown(), 'an object, as accounts are in the configuration of the core')
    .meta({ ...schema, id })

const asJson = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })

const newAccount = describedBy(asJson(core), 'NewAccount')
const accountSettings = describedBy(asJson(coreSettings), 'AccountSettings')
const accountPatch = describedBy(mergePatchSchema(asJson(coreSettings)), 'AccountPatch')

const account = z
  .looseObject({ name: z.string(), createdAt: z.iso.datetime() })
  .meta({ id: 'Account', description: 'An account with its rights, and without its password.' })

const madeAccount = z
  .looseObject({
    ...account.shape,
    password: z.string().optional().meta({ description: 'Shown this once, when it was just made.' }),
    registry: z
      .string()
      .optional()
      .meta({ description: 'Beside the password: what docker logs in to, host and port.' }),
  })
  .meta({ id: 'MadeAccount' })

/** An account as it is read: `AccountSettings` with name and date; its `secretHash` stays in the database. */
export type Account = z.output<typeof account>
/** An account just made or rotated: the one answer that holds its password. */
export type MadeAccount = z.output<typeof madeAccount>

export const ACCOUNT_ROUTES = {
  list: route({
    ...{ method: 'GET', path: 'accounts', summary: 'Lists the accounts', needs: 'read' },
    ...{ query: pageQuery, status: 200, answer: pageOf(account, 'AccountPage') },
  }),
  get: route({
    ...{ method: 'GET', path: 'accounts/:name', summary: 'Shows an account', needs: 'read', versioned: true },
    ...{ status: 200, answer: account },
  }),
  create: route({
    ...{
      method: 'POST',
      path: 'accounts',
      summary: 'Makes an account, and shows its password once',
      needs: 'admin',
    },
    ...{ body: newAccount, status: 201, answer: madeAccount },
  }),
  put: route({
    ...{
      method: 'PUT',
      path: 'accounts/:name',
      summary: 'Replaces its settings, or makes it',
      needs: 'admin',
      versioned: true,
    },
    ...{ body: accountSettings, status: 200, answer: madeAccount },
  }),
  patch: route({
    ...{
      method: 'PATCH',
      path: 'accounts/:name',
      summary: 'Changes some of its settings',
      needs: 'admin',
      versioned: true,
    },
    ...{ body: accountPatch, status: 200, answer: account },
  }),
  rotate: route({
    ...{
      method: 'POST',
      path: 'accounts/:name/rotate',
      summary: 'Makes a new password, and shows it once',
      needs: 'admin',
    },
    ...{ status: 200, answer: madeAccount },
  }),
  remove: route({
    ...{
      method: 'DELETE',
      path: 'accounts/:name',
      summary: 'Removes an account',
      needs: 'admin',
      versioned: true,
    },
    status: 204,
  }),
} as const

/** @throws ProductError `invalid`, naming each field, in the words of the core's schema */
export function readAccount(
  name: unknown,
  settings: AccountSettings,
): { readonly name: string; readonly settings: AccountSettings } {
  const read = core.safeParse({ ...settings, name })
  if (!read.success) throw new ProductError('invalid', { fields: fieldProblems(read.error.issues) })
  return { name: read.data.name, settings }
}
