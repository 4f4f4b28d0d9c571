import { isDeepStrictEqual } from 'node:util'

import { findUpstreamHost, upstreamSchema } from '@entrepot/registry-core/contract'
import { z } from 'zod'

import { fieldProblems } from '../http/field-problems.js'
import { mergePatchSchema } from '../http/merge-patch.js'
import { pageOf, pageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { route } from '../http/route.js'

/** As the core's own configuration has it, but for files: `ca` is PEM text, a password is sent and never read back. */
export type UpstreamSettings = Readonly<Record<string, unknown>>

const PEM = 'PEM certificates: -----BEGIN CERTIFICATE----- and so on'
const coreJson = z.toJSONSchema(upstreamSchema, { io: 'input', unrepresentable: 'any' })
const { passwordFile: _file, ...coreProperties } = coreJson.properties ?? {}
const settingsJson = {
  ...coreJson,
  properties: { ...coreProperties, ca: { type: 'string', description: PEM } },
  required: [],
  description:
    'As in mirrors.upstreams of the configuration; `ca` is PEM text here, and files are not named.',
}

const describedBy = (schema: Readonly<Record<string, unknown>>, id: string) =>
  z
    .record(z.string(), z.unknown(), 'an object, as upstreams are in the configuration of the core')
    .meta({ ...schema, id })

const upstreamBody = describedBy(settingsJson, 'UpstreamSettings')
const upstreamPatch = describedBy(mergePatchSchema(settingsJson), 'UpstreamPatch')

const upstream = z
  .looseObject({ host: z.string(), hasPassword: z.boolean() })
  .meta({ id: 'Upstream', description: 'An upstream with its settings, and without its password.' })

/** Whoever sets these anew could read a password that was sent for others. */
const WHO_SEES_IT = ['urls', 'realms', 'proxy', 'dns', 'ca'] as const

const upstreamState = z
  .looseObject({
    host: z.string(),
    breaker: z.string(),
    sentence: z.string().meta({ description: 'Whether it is asked, and if not, why.' }),
  })
  .meta({ id: 'UpstreamState' })

const upstreamCheck = z
  .strictObject({
    isFine: z.boolean(),
    findings: z.array(z.string()),
    urls: z.array(
      z.strictObject({
        url: z.string(),
        steps: z.array(z.strictObject({ step: z.string(), isFine: z.boolean(), sentence: z.string() })),
      }),
    ),
  })
  .meta({
    id: 'UpstreamCheck',
    description: 'The way of a pull, step by step; where it ends and what helps.',
  })

export type Upstream = z.output<typeof upstream>
export type UpstreamState = z.output<typeof upstreamState>
export type UpstreamCheck = z.output<typeof upstreamCheck>

export const UPSTREAM_ROUTES = {
  list: route({
    ...{ method: 'GET', path: 'upstreams', summary: 'Lists the upstreams', needs: 'read' },
    ...{ query: pageQuery, status: 200, answer: pageOf(upstream, 'UpstreamPage') },
  }),
  get: route({
    ...{
      method: 'GET',
      path: 'upstreams/:host',
      summary: 'Shows an upstream',
      needs: 'read',
      versioned: true,
    },
    ...{ status: 200, answer: upstream },
  }),
  state: route({
    ...{ method: 'GET', path: 'upstreams/:host/state', summary: 'Shows whether it is asked', needs: 'read' },
    ...{ status: 200, answer: upstreamState },
  }),
  check: route({
    ...{
      method: 'POST',
      path: 'upstreams/:host/check',
      summary: 'Goes the way of a pull to it',
      needs: 'operate',
    },
    ...{ status: 200, answer: upstreamCheck },
  }),
  put: route({
    ...{
      method: 'PUT',
      path: 'upstreams/:host',
      summary: 'Adds an upstream, or replaces it',
      needs: 'admin',
      versioned: true,
    },
    ...{ body: upstreamBody, status: 200, answer: upstream },
  }),
  patch: route({
    ...{
      method: 'PATCH',
      path: 'upstreams/:host',
      summary: 'Changes some settings of an upstream',
      needs: 'admin',
      versioned: true,
    },
    ...{ body: upstreamPatch, status: 200, answer: upstream },
  }),
  remove: route({
    ...{
      method: 'DELETE',
      path: 'upstreams/:host',
      summary: 'Takes an upstream out; what is cached stays',
      needs: 'admin',
      versioned: true,
    },
    status: 204,
  }),
} as const

/**
 * Takes the settings apart into what may be read and the password. The core's schema decides what is allowed. `before` is
 * what the password that is kept was sent with; undefined when there is none. It is kept for those whom it was meant for.
 *
 * @throws ProductError `invalid`, naming each field
 */
export function readUpstream(
  host: string,
  body: UpstreamSettings,
  before: UpstreamSettings | undefined,
): { readonly host: string; readonly settings: UpstreamSettings; readonly password: string | undefined } {
  const { host: named = host, password, ca, ...rest } = body
  const fields = []
  if (named !== host && findUpstreamHost(String(named)) !== host)
    fields.push({ field: 'host', message: `${host}, as in the path, or nothing` })
  if ('passwordFile' in rest)
    fields.push({ field: 'passwordFile', message: 'send password: the box keeps it encrypted' })
  if (ca !== undefined && !(typeof ca === 'string' && /-----BEGIN CERTIFICATE-----/.test(ca)))
    fields.push({ field: 'ca', message: PEM })
  const keeps = password === undefined && before !== undefined && rest['username'] !== undefined
  const moved = keeps ? WHO_SEES_IT.filter((key) => !isDeepStrictEqual(before[key], body[key])) : []
  if (moved.length > 0)
    fields.push({ field: 'password', message: `to be sent again, with another ${moved.join(', ')}` })
  const read = upstreamSchema.safeParse({
    ...{ ...rest, host },
    ...(ca !== undefined && { ca: 'ca.pem' }),
    ...(password !== undefined && { password }),
    ...(keeps && { password: 'kept' }),
  })
  if (!read.success) fields.push(...fieldProblems(read.error.issues))
  if (fields.length > 0 || !read.success) throw new ProductError('invalid', { fields })
  return {
    host: read.data.host,
    settings: { ...rest, ...(ca !== undefined && { ca }) },
    password: read.data.password === undefined || keeps ? undefined : read.data.password,
  }
}
