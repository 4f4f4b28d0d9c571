import { X509Certificate } from 'node:crypto'
import { z } from 'zod'

import { CertificateRefused } from './certificates/certificate-refused.js'
import { parseName } from './certificates/names.js'
import { certificateTexts } from './certificates/pem.js'

const DIRECTORY = 'the URL of an ACME directory, which begins with https://'
const AUTHORITY = 'certificates of authorities, PEM'
const TERMS = 'true: whoever orders a certificate agrees to the terms of its authority'
const HMAC_KEY = 'the HMAC key as the authority shows it, base64url'

const name = z.string('a name').superRefine((text, context) => {
  try {
    parseName(text)
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
})

/** What is asked of the box. */
export const acmeWish = z
  .strictObject({
    directory: z.url({ protocol: /^https$/, error: DIRECTORY }).max(2000, DIRECTORY),
    ca: z
      .string(AUTHORITY)
      .max(256 * 1024, AUTHORITY)
      .refine(holdsCertificates, AUTHORITY)
      .optional()
      .meta({
        description: "PEM: of whom the directory's own certificate is, where the system does not know it.",
      }),
    contact: z.email('an address of e-mail').max(320).optional().meta({
      description: 'Where the authority writes to before a certificate ends.',
    }),
    names: z.array(name, 'a list of names').min(1, 'one name at least').max(100).optional().meta({
      description: "What the certificate is for; the box's own hosts when missing.",
    }),
    termsAgreed: z.literal(true, TERMS).meta({ description: "To the authority's terms of service." }),
    externalAccount: z
      .strictObject({
        keyId: z.string('a text').min(1).max(1000),
        hmacKey: z.string(HMAC_KEY).regex(/^[A-Za-z0-9_-]{16,1000}={0,2}$/, HMAC_KEY),
      })
      .optional()
      .meta({
        description:
          'For an authority that wants one (RFC 8555, 7.3.4): used to make the account, and not kept.',
      }),
  })
  .meta({ id: 'AcmeWish' })

/** A wish that its schema has taken. `externalAccount` is used once and not kept. */
export type AcmeWish = z.output<typeof acmeWish>

/** ACME as it stands. */
export const acmeShown = z.strictObject({
  directory: z.string(),
  contact: z.string().nullable(),
  names: z.array(z.string()),
  terms: z.string().nullable().meta({ description: "Where the authority's terms stand." }),
  state: z.enum(['in-force', 'ordering', 'failed', 'waiting']),
  reason: z.string().nullable().meta({ description: 'Why the last try failed, in words.' }),
  triedAt: z.iso.datetime().nullable(),
  nextTryAt: z.iso.datetime().nullable().meta({ description: 'When it is tried again by itself.' }),
})

export type AcmeShown = z.output<typeof acmeShown>

function holdsCertificates(text: string): boolean {
  try {
    const found = certificateTexts(text)
    return found.length > 0 && found.every((each) => new X509Certificate(each).fingerprint !== '')
  } catch {
    return false
  }
}
