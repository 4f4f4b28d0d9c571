import { label, type WhichCertificate } from './certificate-refused.js'
import type { CertificateName } from './names.js'

/** What is taken, and what somebody may stumble over later: a closed list. */
interface Details {
  'names-missing': { readonly names: readonly CertificateName[] }
  'self-issued': object
  sorted: object
  unused: { readonly certificates: readonly WhichCertificate[] }
  'issuer-not-sent': { readonly issuer: string }
  'ends-soon': { readonly days: number }
  'lasts-too-long': { readonly days: number; readonly limitDays: number }
  'issuer-ends-first': { readonly which: WhichCertificate; readonly end: Date }
}

type Warning = keyof Details

/** One warning, and the sentence for the person who sent the certificate. */
export interface CertificateWarning {
  readonly kind: Warning
  readonly sentence: string
}

const SENTENCES: { readonly [W in Warning]: (detail: Details[W]) => string } = {
  'names-missing': ({ names }) =>
    `clients that ask for ${names.join(', ')} will refuse it: have it issued with these names too, or take them off the box`,
  'self-issued': () =>
    'it has issued itself: each client has to install exactly this certificate, and every later one',
  sorted: () => 'the certificates were put into their order, from the server to its authority',
  unused: ({ certificates }) =>
    `not needed for this server, and left out: ${certificates.map(label).join('; ')}`,
  'issuer-not-sent': ({ issuer }) =>
    `whether the chain is whole could not be seen: its last issuer, "${issuer}", was not sent; if it is no root that clients have, they will refuse the box`,
  'ends-soon': ({ days }) => `it ends in ${days} days`,
  'lasts-too-long': ({ days, limitDays }) =>
    `it lasts ${days} days: Apple's systems refuse more than ${limitDays}, whoever issued it`,
  'issuer-ends-first': ({ which, end }) =>
    `${label(which)} ends before the server's own, at ${end.toISOString().slice(0, 10)}: from then on clients refuse the chain`,
}

/** A warning out of its detail. */
export function warningOf<W extends Warning>(kind: W, detail: Details[W]): CertificateWarning {
  return { kind, sentence: SENTENCES[kind](detail) }
}
