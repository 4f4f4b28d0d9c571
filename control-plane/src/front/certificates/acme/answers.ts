import { z } from 'zod'

/** What an ACME server answers, as far as we read it (RFC 8555, 7.1); it may say more. */
export const directoryAnswer = z.object({
  newNonce: z.url({ protocol: /^https$/ }),
  newAccount: z.url({ protocol: /^https$/ }),
  newOrder: z.url({ protocol: /^https$/ }),
  meta: z
    .object({ termsOfService: z.string().optional(), externalAccountRequired: z.boolean().optional() })
    .default({}),
})
export type Directory = z.output<typeof directoryAnswer>

/** Of an account only who is written to. */
export const accountAnswer = z.object({ contact: z.array(z.string()).default([]) })

export const problemAnswer = z.object({
  type: z.string().default('about:blank'),
  detail: z.string().default(''),
})

export const orderAnswer = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  authorizations: z.array(z.url()),
  finalize: z.url(),
  certificate: z.url().optional(),
  error: problemAnswer.optional(),
})
export type Order = z.output<typeof orderAnswer>

const challenge = z.object({
  type: z.string(),
  url: z.url(),
  token: z.string().optional(),
  error: problemAnswer.optional(),
})

export const authorizationAnswer = z.object({
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(challenge),
})
export type Authorization = z.output<typeof authorizationAnswer>
