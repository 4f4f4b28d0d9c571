import { z } from 'zod'

import { route } from '../http/route.js'
import { acmeShown, acmeWish } from './acme.schema.js'
import { REQUEST_KEYS } from './certificates/csr.js'

const validity = { notBefore: z.iso.datetime(), notAfter: z.iso.datetime() }
const expiry = {
  state: z.enum(['fine', 'renew', 'warn', 'expired']),
  days: z.int().meta({ description: 'Until it ends.' }),
}

const shown = {
  authority: z
    .strictObject({
      fingerprint: z.string().meta({ description: 'SHA-256, to be compared by a person: AB:CD:…' }),
      ...validity,
    })
    .meta({ description: 'The own authority; GET certificates/ca.pem gives it to everybody.' }),
  server: z.strictObject({
    source: z.enum(['own', 'uploaded', 'acme']),
    fingerprint: z.string(),
    issuer: z.string(),
    names: z.array(z.string()),
    ...validity,
    ...expiry,
    isChosenLost: z.boolean().meta({
      description: 'The files of the one that was chosen are gone: an own one serves in its place.',
    }),
  }),
  acme: acmeShown.nullable().meta({ description: 'Null while certificates come from no ACME server.' }),
}

const certificates = z.strictObject(shown).meta({ id: 'Certificates' })

const chosen = z
  .strictObject({
    ...shown,
    warnings: z.array(z.string()).meta({ description: 'What somebody may stumble over later.' }),
  })
  .meta({ id: 'ChosenCertificate' })

const PEM = 'PEM text: -----BEGIN CERTIFICATE----- and so on'
const certificate = z
  .string(PEM)
  .min(1, PEM)
  .meta({ description: "PEM: the server's own and its issuers, in any order." })
const allowUnknownIssuer = z
  .boolean('true or false')
  .optional()
  .meta({ description: 'Takes a chain whose last issuer is not known here: clients have it.' })

const upload = z
  .strictObject({
    certificate,
    key: z.string(PEM).optional().meta({ description: 'PEM; it may stand in the same text.' }),
    allowUnknownIssuer,
  })
  .meta({ id: 'CertificateUpload' })

const requestWish = z
  .strictObject({
    names: z.array(z.string('a name'), 'a list of names').min(1, 'one name at least').max(100).optional(),
    key: z.enum(REQUEST_KEYS, `one of ${REQUEST_KEYS.join(', ')}`).default('p256'),
    organization: z.string().min(1).max(64).optional(),
  })
  .meta({ id: 'CertificateRequestWish' })

const request = z
  .strictObject({ id: z.string(), pem: z.string().meta({ description: 'To be signed by your PKI.' }) })
  .meta({ id: 'CertificateRequest' })

const requestAnswer = z
  .strictObject({ certificate, allowUnknownIssuer })
  .meta({ id: 'CertificateRequestAnswer' })

/** The authority, the certificate that is served, and ACME where it is used. */
export type CertificatesShown = z.output<typeof certificates>
/** The same after a certificate was chosen, with what a person may stumble over later. */
export type ChosenCertificate = z.output<typeof chosen>
export type CertificateUpload = z.output<typeof upload>
export type RequestWish = z.output<typeof requestWish>
/** A signing request (PKCS #10, RFC 2986); its key never leaves the box. */
export type RequestShown = z.output<typeof request>
export type RequestAnswer = z.output<typeof requestAnswer>

export const CERTIFICATE_ROUTES = {
  show: route({
    ...{
      method: 'GET',
      path: 'certificates',
      summary: 'Shows the authority and the server certificate',
      needs: 'read',
    },
    ...{ status: 200, answer: certificates },
  }),
  authority: route({
    ...{ method: 'GET', path: 'certificates/ca.pem', summary: 'The own authority, as PEM', needs: 'nobody' },
    ...{ status: 200, type: 'application/x-pem-file' },
  }),
  upload: route({
    ...{
      method: 'PUT',
      path: 'certificates/server',
      summary: 'Serves a certificate of yours',
      needs: 'admin',
    },
    ...{ body: upload, status: 200, answer: chosen },
  }),
  reset: route({
    ...{
      method: 'DELETE',
      path: 'certificates/server',
      summary: 'Goes back to the own authority',
      needs: 'admin',
    },
    status: 204,
  }),
  acme: route({
    ...{ method: 'PUT', path: 'certificates/acme', needs: 'admin', body: acmeWish },
    summary: 'Has certificates issued and renewed by an ACME server (HTTP-01)',
    ...{ status: 200, answer: certificates },
  }),
  renewAcme: route({
    ...{ method: 'POST', path: 'certificates/acme/renew', needs: 'operate' },
    summary: 'Orders one of the ACME server now, without waiting for the next try',
    ...{ status: 200, answer: certificates },
  }),
  dropAcme: route({
    ...{ method: 'DELETE', path: 'certificates/acme', needs: 'admin' },
    summary: 'Ends ACME, and goes back to the own authority',
    status: 204,
  }),
  requests: route({
    ...{ method: 'GET', path: 'certificates/requests', summary: 'Lists the signing requests', needs: 'read' },
    ...{
      status: 200,
      answer: z.strictObject({ items: z.array(request) }).meta({ id: 'CertificateRequests' }),
    },
  }),
  request: route({
    ...{ method: 'POST', path: 'certificates/requests', needs: 'admin' },
    summary: 'Makes a signing request for your PKI; its key stays on the box',
    ...{ body: requestWish, status: 201, answer: request },
  }),
  answer: route({
    ...{ method: 'PUT', path: 'certificates/requests/:id/certificate', needs: 'admin' },
    summary: 'Serves what your PKI has issued for a request',
    ...{ body: requestAnswer, status: 200, answer: chosen },
  }),
  dropRequest: route({
    ...{
      method: 'DELETE',
      path: 'certificates/requests/:id',
      summary: 'Removes a request and its key',
      needs: 'admin',
    },
    status: 204,
  }),
} as const
