import { z } from 'zod'

const LONGEST_TEXT = 500

/** Words of a server as they are kept, logged and shown: short, and nothing that a database or a terminal minds. */
export function cutWords(text: string): string {
  return text
    .slice(0, LONGEST_TEXT)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ')
}

const words = z.string().transform(cutWords)
/** Whoever answers must not send the box to who does not show a certificate. */
const place = z.url({ protocol: /^https$/ }).max(2000)

/** What an ACME server answers, as far as we read it (RFC 8555, 7.1); it may say more. */
export const directoryAnswer = z.object({
  newNonce: place,
  newAccount: place,
  newOrder: place,
  meta: z
    .object({ termsOfService: words.optional(), externalAccountRequired: z.boolean().optional() })
    .default({}),
})
export type Directory = z.output<typeof directoryAnswer>

/** Of an account only who is written to. */
export const accountAnswer = z.object({ contact: z.array(z.string()).default([]) })

/** An error (RFC 8555, 6.7): a problem of RFC 7807. */
export const problemAnswer = z.object({
  type: words.default('about:blank'),
  detail: words.default(''),
})

/** An order (RFC 8555, 7.1.3). `certificate` is there once it is `valid`. */
export const orderAnswer = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  authorizations: z.array(place).max(200),
  finalize: place,
  certificate: place.optional(),
  error: problemAnswer.optional(),
})
export type Order = z.output<typeof orderAnswer>

const challenge = z.object({
  type: words,
  url: place,
  token: z.string().optional(),
  error: problemAnswer.optional(),
})

/** The authorization of one name (RFC 8555, 7.1.4), with the challenges that may prove it. */
export const authorizationAnswer = z.object({
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  identifier: z.object({ value: words }),
  challenges: z.array(challenge).max(100),
})
export type Authorization = z.output<typeof authorizationAnswer>
