import { X509Certificate } from 'node:crypto'

import {
  DEFAULT_MAX_UPLOAD_SIZE,
  DEFAULT_TIMEOUT_SECONDS,
  LONGEST_TIMEOUT_SECONDS,
  SIZE,
} from '@entrepot/front'
import { z } from 'zod'

import { route } from '../http/route.js'
import { CertificateRefused } from './certificates/certificate-refused.js'
import { certificateTexts } from './certificates/pem.js'
import { parseName } from './certificates/names.js'

const PEM = 'PEM certificates of authorities: -----BEGIN CERTIFICATE----- and so on'
const PORT = 'a port, or 0 for none'
const A_SIZE = 'a size in bytes, or with k, m or g (16384m); 0 is no limit'
const SECONDS = `a whole number of seconds from 1 to ${LONGEST_TIMEOUT_SECONDS}`
const NAME = 'the name of a host, or an IP address'

const name = z.string(NAME).superRefine((text, context) => {
  try {
    parseName(text)
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
})

const port = z.int(PORT).min(0, PORT).max(65_535, PORT)

/** An empty text is none. */
const clientAuthorities = z
  .string(PEM)
  .max(200_000, PEM)
  .refine((text) => text === '' || areAuthorities(text), PEM)
  .default('')

function areAuthorities(text: string): boolean {
  const rest = text.replaceAll(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g, '')
  try {
    const found = certificateTexts(text).map((each) => new X509Certificate(each))
    return rest.trim() === '' && found.length > 0 && found.every(({ ca }) => ca)
  } catch {
    return false
  }
}

/** What may be said about nginx; every key may be left out, and has its default then. */
export const nginxSettings = z
  .strictObject({
    maxUploadSize: z
      .string(A_SIZE)
      .regex(SIZE, A_SIZE)
      .default(DEFAULT_MAX_UPLOAD_SIZE)
      .meta({ description: 'The largest body of a request, so the largest layer.' }),
    readTimeout: z
      .int(SECONDS)
      .min(1, SECONDS)
      .max(LONGEST_TIMEOUT_SECONDS, SECONDS)
      .default(DEFAULT_TIMEOUT_SECONDS)
      .meta({
        description:
          'How long either side of a transfer may stay silent, in seconds, reading and writing: client_body_timeout, ' +
          'send_timeout, proxy_read_timeout and proxy_send_timeout of nginx, but for the admin listener.',
      }),
    names: z
      .array(name, 'a list of names')
      .max(100, 'at most 100 names')
      .default([])
      .meta({ description: 'Further names and addresses of this box, for its own certificate.' }),
    anonymousPull: z
      .boolean('true or false')
      .default(true)
      .meta({ description: 'Whether whoever shows no account may pull at the TLS ports.' }),
    mirrorClientCa: clientAuthorities.meta({
      description: 'PEM: whoever shows no certificate of theirs gets nothing at the TLS port of the mirror.',
    }),
    virtualHosts: z
      .array(z.string('the host of an upstream'), 'a list of upstreams')
      .max(100, 'at most 100 of them')
      .default([])
      .meta({
        description:
          'Upstreams that clients reach under their own names, since a name server or hosts file of yours leads here.',
      }),
    virtualHostsPort: port
      .default(443)
      .meta({ description: 'Where they are reached by TLS, besides the TLS port.' }),
    virtualHostsHttpPort: port
      .default(0)
      .meta({ description: 'Where they are reached over plain HTTP, besides the plain port.' }),
  })
  .meta({ id: 'NginxSettings' })

/** All of them, with defaults for what was left out. */
export type NginxSettings = z.output<typeof nginxSettings>

/** A merge patch: any of the keys, null for "as shipped". */
export const nginxPatch = z
  .strictObject({
    maxUploadSize: nginxSettings.shape.maxUploadSize.unwrap().nullable().optional(),
    readTimeout: nginxSettings.shape.readTimeout.unwrap().nullable().optional(),
    names: nginxSettings.shape.names.unwrap().nullable().optional(),
    anonymousPull: nginxSettings.shape.anonymousPull.unwrap().nullable().optional(),
    mirrorClientCa: nginxSettings.shape.mirrorClientCa.unwrap().nullable().optional(),
    virtualHosts: nginxSettings.shape.virtualHosts.unwrap().nullable().optional(),
    virtualHostsPort: nginxSettings.shape.virtualHostsPort.unwrap().nullable().optional(),
    virtualHostsHttpPort: nginxSettings.shape.virtualHostsHttpPort.unwrap().nullable().optional(),
  })
  .meta({ id: 'NginxSettingsPatch' })

export type NginxPatch = z.output<typeof nginxPatch>

const common = { path: 'settings/nginx', status: 200, answer: nginxSettings, versioned: true } as const

export const NGINX_SETTINGS_ROUTES = {
  get: route({ ...common, method: 'GET', summary: 'Shows the settings of nginx', needs: 'read' }),
  put: route({
    ...common,
    method: 'PUT',
    summary: 'Replaces the settings of nginx',
    needs: 'admin',
    body: nginxSettings,
  }),
  patch: route({
    ...common,
    method: 'PATCH',
    summary: 'Changes some settings of nginx',
    needs: 'admin',
    body: nginxPatch,
  }),
} as const
