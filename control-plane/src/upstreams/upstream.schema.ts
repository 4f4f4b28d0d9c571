import { isDeepStrictEqual } from 'node:util'

import { findUpstreamHost, upstreamSchema } from '@entrepot/registry-core/contract'
import { z } from 'zod'

import { fieldProblems } from '../http/field-problems.js'
import { mergePatchSchema } from '../http/merge-patch.js'
import { pageOf, pageQuery } from '../http/paging.js'
import { type FieldProblem, ProductError } from '../http/product-error.js'
import { route } from '../http/route.js'
import { HIDDEN, splitProxy, type UpstreamSecrets } from './upstream-secrets.js'

/** As the core's own configuration has it, but for files: `ca` is PEM text, passwords are sent and never read back. */
/** An upstream as it is read: the core's settings of it, and whether it has a password. */
export type UpstreamSettings = Readonly<Record<string, unknown>>

const PEM = 'PEM certificates: -----BEGIN CERTIFICATE----- and so on'
/** Everybody who may read the settings reads it. */
const CERTIFICATES_ALONE = 'certificates alone, and nothing else of PEM: a private key would be shown'
const OTHER_BLOCK = /-----BEGIN (?!(?:X509 |TRUSTED )?CERTIFICATE-----)/
const coreJson = z.toJSONSchema(upstreamSchema, { io: 'input', unrepresentable: 'any' })
const { passwordFile: _file, proxyPasswordFile: _proxyFile, ...coreProperties } = coreJson.properties ?? {}
const settingsJson = {
  ...coreJson,
  properties: { ...coreProperties, ca: { type: 'string', description: PEM } },
  required: [],
  description:
    'As in mirrors.upstreams of the configuration; `ca` is PEM text here, and files are not named. The password of a proxy is read as ***, and *** keeps it.',
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
const WHO_SEES_IT = ['urls', 'realms', 'proxy', 'noProxy', 'dns', 'ca', 'allowAddresses'] as const
/** The same for the password of the proxy, whose own URL is as it was. */
const WHO_IS_THE_PROXY = ['dns', 'ca'] as const

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
/** How the core stands with it at this moment: `breaker` is closed, open or probing. */
export type UpstreamState = z.output<typeof upstreamState>
/** What a check found; `isFine` when there are no findings. */
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

/** What an upstream was before a change. */
export interface UpstreamBefore {
  /** As they are read: a password of the proxy is hidden in them. */
  readonly settings: UpstreamSettings
  readonly secrets: UpstreamSecrets
}

/**
 * Takes the settings apart into what may be read and the passwords. The core's schema decides what is allowed. What is
 * not sent again is kept, for those whom it was meant for.
 *
 * @throws ProductError `invalid`, naming each field
 */
export function readUpstream(
  host: string,
  body: UpstreamSettings,
  before: UpstreamBefore | undefined,
): { readonly host: string; readonly settings: UpstreamSettings; readonly secrets: UpstreamSecrets } {
  const { host: named = host, password, ca, ...rest } = body
  const proxy = splitProxy(rest['proxy'])
  const settings = {
    ...rest,
    ...('proxy' in rest && { proxy: proxy.shown }),
    ...(ca !== undefined && { ca }),
  }
  const keptPassword =
    password === undefined && rest['username'] !== undefined ? before?.secrets.password : undefined
  const fields = [
    ...misplaced(host, named, body),
    ...unwritable('password', password),
    ...unwritable('proxy', proxy.password),
    ...missent(settings, proxy.password, keptPassword !== undefined, before),
  ]
  const read = upstreamSchema.safeParse({
    ...{ ...rest, host },
    ...(ca !== undefined && { ca: 'ca.pem' }),
    ...(password !== undefined && { password }),
    ...(keptPassword !== undefined && { password: 'kept' }),
  })
  if (!read.success) fields.push(...fieldProblems(read.error.issues))
  if (fields.length > 0 || !read.success) throw new ProductError('invalid', { fields })
  const isKept = proxy.password === HIDDEN
  return {
    host: read.data.host,
    settings,
    secrets: {
      password: keptPassword ?? read.data.password,
      proxyPassword: isKept ? before?.secrets.proxyPassword : proxy.password,
    },
  }
}

/** What has another place here than in the file of the core. */
function misplaced(host: string, named: unknown, body: UpstreamSettings): FieldProblem[] {
  const { ca } = body
  const isPem = ca === undefined || (typeof ca === 'string' && /-----BEGIN CERTIFICATE-----/.test(ca))
  const hasMore = typeof ca === 'string' && (/PRIVATE KEY/i.test(ca) || OTHER_BLOCK.test(ca))
  return [
    ...(named !== host && findUpstreamHost(String(named)) !== host
      ? [{ field: 'host', message: `${host}, as in the path, or nothing` }]
      : []),
    ...('passwordFile' in body
      ? [{ field: 'passwordFile', message: 'send password: the box keeps it encrypted' }]
      : []),
    ...('proxyPasswordFile' in body
      ? [{ field: 'proxyPasswordFile', message: 'send it in proxy: the box keeps it encrypted' }]
      : []),
    ...(isPem ? [] : [{ field: 'ca', message: PEM }]),
    ...(isPem && hasMore ? [{ field: 'ca', message: CERTIFICATES_ALONE }] : []),
  ]
}

/** A password that its file could not give back, or that no server could have set. */
function unwritable(field: string, password: unknown): readonly FieldProblem[] {
  const isPrintable = typeof password !== 'string' || !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(password)
  return isPrintable ? [] : [{ field, message: 'a password of printable text, without line ends' }]
}

/** Passwords that were not sent again, and would go to others than before. */
function missent(
  settings: UpstreamSettings,
  proxyPassword: string | undefined,
  keepsPassword: boolean,
  before: UpstreamBefore | undefined,
): readonly FieldProblem[] {
  const changed = <K extends string>(keys: readonly K[]): readonly string[] =>
    keys.filter((key) => !isDeepStrictEqual(before?.settings[key], settings[key]))
  const others = keepsPassword ? changed(WHO_SEES_IT) : []
  const isOfBefore =
    before?.secrets.proxyPassword !== undefined && changed(['proxy', ...WHO_IS_THE_PROXY]).length === 0
  return [
    ...(others.length === 0
      ? []
      : [{ field: 'password', message: `to be sent again, with another ${others.join(', ')}` }]),
    ...(proxyPassword !== HIDDEN || isOfBefore
      ? []
      : [{ field: 'proxy', message: `its password to be sent again, in the place of ${HIDDEN}` }]),
  ]
}
