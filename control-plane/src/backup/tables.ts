import { z } from 'zod'

import { BCRYPT } from '../access/account-hash.js'
import { readAccount } from '../access/account.schema.js'
import { ARGON2ID } from '../access/admin-token-hash.js'
import { adminToken, ENVIRONMENT } from '../access/admin-token.schema.js'
import { RIGHTS } from '../access/right.js'
import { UNTOLD_SETTING } from '../access/untold.js'
import { acmeWish } from '../front/acme.schema.js'
import { ACME_STATE, acmeState } from '../front/acme-state.js'
import { ACME_SETTING, CERTIFICATE_SETTING } from '../front/intent.js'
import { nginxSettings } from '../front/nginx-settings.schema.js'
import { ProductError } from '../http/product-error.js'

const object = z.record(z.string(), z.unknown())
/** Anything else could be kept, and not be shown again. */
const time = z.iso
  .datetime({ offset: true })
  .refine((text) => isIn(new Date(text).getUTCFullYear(), 1, 9999), 'a time in the years 1 to 9999')
const version = z.int32().min(0)
const secretHash = z.string().regex(new RegExp(`^${BCRYPT}$`), 'a hash of bcrypt')
const { directory, ca, contact, names } = acmeWish.shape
/** Files are called so: as a path it could lead anywhere. */
const fingerprint = z.string().regex(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/, 'a fingerprint, SHA-256')
const certificate = z.strictObject({
  ...{ fingerprint, root: z.string().nullable(), acme: directory.optional() },
})
const acme = z.strictObject({
  ...{ directory, ca: ca.unwrap().nullable(), contact: contact.unwrap().nullable() },
  names: z.array(names.unwrap().element),
})
const sealedPassword = z.string().nullable()

const accountRow = z
  .strictObject({ name: z.string(), secretHash, settings: object, version, createdAt: time })
  .superRefine(({ name, settings }, context) => asIssue(context, () => readAccount(name, settings)))

const SETTINGS: Readonly<Record<string, z.ZodType>> = {
  nginx: nginxSettings,
  [CERTIFICATE_SETTING]: certificate,
  [ACME_SETTING]: acme,
  [ACME_STATE]: acmeState,
}

const settingRow = z
  .strictObject({ name: z.string(), value: object, version })
  .superRefine(({ name, value }, context) => {
    const schema = SETTINGS[name] ?? object
    for (const { message } of schema.safeParse(value).error?.issues ?? [])
      context.addIssue({ code: 'custom', message })
  })

const adminTokenRow = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{12}$/, 'the id of a token')
    .or(z.literal(ENVIRONMENT)),
  name: adminToken.shape.name,
  hash: z.string().regex(ARGON2ID, 'a hash of argon2id, as a box makes it'),
  ...{ rights: z.enum(RIGHTS), until: time.nullable(), createdAt: time },
})

/** Its settings are looked at when its password is open. */
export const upstreamRow = z.strictObject({
  ...{ host: z.string(), position: z.int32().min(0), settings: object, sealedPassword, version },
})

/** A row of the history. `files`: path → rendered text; those without `acme` are older than it. */
export const configurationRow = z.strictObject({
  ...{ id: z.int(), at: time, author: z.string(), reason: z.string() },
  ...{ outcome: z.enum(['applied', 'refused']), cause: z.string() },
  intent: z.strictObject({
    nginx: object,
    certificate: certificate.nullable(),
    acme: acme.nullable().optional(),
    upstreams: z.array(z.strictObject({ host: z.string(), settings: object, sealedPassword })),
    accounts: z.array(z.strictObject({ name: z.string(), secretHash, settings: object })),
  }),
  files: z.record(z.string(), z.string()),
})

/** A row of the audit. Its id is the other box's: it is added under a new one. */
export const auditRow = z.strictObject({
  ...{ id: z.int(), at: time, author: z.string(), address: z.string(), requestId: z.string() },
  ...{ action: z.string(), target: z.string(), before: z.unknown(), after: z.unknown() },
})

/** A table as a backup has it. */
export interface Table {
  readonly name: string
  readonly key: string
  readonly row: z.ZodType
  /** The columns that are restored, with their types. */
  readonly columns: Readonly<Record<string, string>>
  /** Which rows, of all; in SQL. */
  readonly only?: string
  /** Rows that are alike in these are one: nobody's record is taken away, and none is there twice. */
  readonly addedBy?: readonly string[]
}

/** Every table, and in its order; a test holds them against the entities. */
export const TABLES: readonly Table[] = [
  {
    ...{ name: 'account', key: 'name', row: accountRow },
    columns: {
      name: 'text',
      secretHash: 'text',
      settings: 'jsonb',
      version: 'int',
      createdAt: 'timestamptz',
    },
  },
  {
    ...{ name: 'admin_token', key: 'id', row: adminTokenRow },
    columns: {
      ...{ id: 'text', name: 'text', hash: 'text', rights: 'text' },
      ...{ until: 'timestamptz', createdAt: 'timestamptz' },
    },
  },
  {
    ...{ name: 'setting', key: 'name', row: settingRow },
    only: `name <> '${UNTOLD_SETTING}'`,
    columns: { name: 'text', value: 'jsonb', version: 'int' },
  },
  {
    ...{ name: 'upstream', key: 'host', row: upstreamRow },
    columns: { host: 'text', position: 'int', settings: 'jsonb', sealedPassword: 'text', version: 'int' },
  },
  {
    ...{ name: 'configuration', key: 'id', row: configurationRow },
    columns: {
      ...{ at: 'timestamptz', author: 'text', reason: 'text', outcome: 'text', cause: 'text' },
      ...{ intent: 'jsonb', files: 'jsonb' },
    },
    addedBy: ['at', 'author', 'reason', 'outcome'],
  },
  {
    ...{ name: 'audit', key: 'id', row: auditRow },
    columns: {
      ...{ at: 'timestamptz', author: 'text', address: 'text', requestId: 'text', action: 'text' },
      ...{ target: 'text', before: 'jsonb', after: 'jsonb' },
    },
    addedBy: ['at', 'author', 'requestId', 'action', 'target'],
  },
]

function isIn(value: number, from: number, to: number): boolean {
  return value >= from && value <= to
}

function asIssue(context: z.RefinementCtx, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof ProductError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
}
