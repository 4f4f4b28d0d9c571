import { z } from 'zod'

import { route } from '../http/route.js'

const validity = { notBefore: z.iso.datetime(), notAfter: z.iso.datetime() }
const expiry = {
  state: z.enum(['fine', 'renew', 'warn', 'expired']),
  days: z.int().meta({ description: 'Until it ends.' }),
}

const certificates = z
  .strictObject({
    authority: z
      .strictObject({
        fingerprint: z.string().meta({ description: 'SHA-256, to be compared by a person: AB:CD:…' }),
        ...validity,
      })
      .meta({ description: 'The own authority; GET certificates/ca.pem gives it to everybody.' }),
    server: z.strictObject({
      fingerprint: z.string(),
      names: z.array(z.string()),
      ...validity,
      ...expiry,
    }),
  })
  .meta({ id: 'Certificates' })

export type CertificatesShown = z.output<typeof certificates>

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
} as const
