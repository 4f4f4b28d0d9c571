/** The part of a request that a person changes to be accepted; `box` is a file of this machine, no request. */
export type RefusedField = 'certificate' | 'key' | 'names' | 'request' | 'acme' | 'box'

/** Which certificate of several: its place in the text that was sent, from 1 on, and its subject. */
export interface WhichCertificate {
  readonly number: number
  readonly subject: string
}

/** What a person may be told about certificates: a closed list. Each kind has its detail, and a row below. */
interface Details {
  'name-invalid': { readonly name: string; readonly why: string }
  'names-empty': object
  'pem-missing': { readonly field: 'certificate' | 'key'; readonly why: string }
  'pem-cut': { readonly field: 'certificate' | 'key'; readonly label: string }
  'pem-too-large': { readonly field: 'certificate' | 'key'; readonly limitBytes: number }
  'certificates-too-many': { readonly count: number; readonly limit: number }
  'certificate-unreadable': { readonly number: number; readonly why: string }
  'key-missing': object
  'keys-several': { readonly count: number }
  'key-encrypted': object
  'key-unreadable': { readonly why: string }
  'key-does-not-fit': { readonly certificates: readonly WhichCertificate[] }
  'key-kind': { readonly which: WhichCertificate; readonly found: string }
  'key-weak': { readonly which: WhichCertificate; readonly found: string; readonly allowed: string }
  'signature-weak': { readonly which: WhichCertificate; readonly algorithm: string }
  expired: { readonly which: WhichCertificate; readonly end: Date }
  'not-yet-valid': { readonly which: WhichCertificate; readonly start: Date; readonly now: Date }
  'no-names': { readonly which: WhichCertificate }
  'not-for-servers': { readonly which: WhichCertificate }
  'issuer-missing': { readonly which: WhichCertificate; readonly issuer: string }
  'issuer-is-no-authority': { readonly which: WhichCertificate; readonly issued: WhichCertificate }
  'openssl-refuses': { readonly why: string }
  'request-unknown': { readonly id: string }
  'other-request': { readonly id: string; readonly certificates: readonly WhichCertificate[] }
  'acme-directory-invalid': { readonly url: string }
  'acme-unreachable': { readonly url: string; readonly why: string }
  'acme-refused': { readonly step: string; readonly type: string; readonly detail: string }
  'acme-answer-unexpected': { readonly url: string; readonly why: string }
  'acme-no-http-01': { readonly name: string; readonly offered: readonly string[] }
  'acme-challenge-failed': { readonly name: string; readonly detail: string }
  'acme-account-needed': { readonly url: string }
  'acme-timeout': { readonly step: string; readonly seconds: number }
  'own-ca-key-missing': { readonly certificateFile: string; readonly keyFile: string }
  'own-ca-unreadable': { readonly file: string; readonly why: string }
  'own-ca-key-does-not-fit': { readonly certificateFile: string; readonly keyFile: string }
}

/** The key of one thing that is refused. */
export type CertificateRefusal = keyof Details

/** Where it stands, and what a person reads. */
type Row<Detail> = readonly [RefusedField | ((detail: Detail) => RefusedField), (detail: Detail) => string]

const ROWS: { readonly [R in CertificateRefusal]: Row<Details[R]> } = {
  'name-invalid': [
    'names',
    ({ name, why }) => `${JSON.stringify(name)} cannot stand in a certificate: ${why}`,
  ],
  'names-empty': [
    'names',
    () => 'a certificate needs at least one name: the host name or address that clients type',
  ],
  'pem-missing': [({ field }) => field, ({ field, why }) => `there is no ${NOUNS[field]} as PEM: ${why}`],
  'pem-cut': [
    ({ field }) => field,
    ({ label }) => `the block "BEGIN ${label}" has no end "-----END ${label}-----": copy it whole`,
  ],
  'pem-too-large': [
    ({ field }) => field,
    ({ limitBytes }) => `it is larger than ${limitBytes} bytes: send the certificate and its issuers only`,
  ],
  'certificates-too-many': [
    'certificate',
    ({ count, limit }) =>
      `there are ${count} certificates, at most ${limit} are taken: send the server's and its issuers, not a bundle of all authorities`,
  ],
  'certificate-unreadable': [
    'certificate',
    ({ number, why }) => `certificate ${number} cannot be read (${why}): copy it anew`,
  ],
  'key-missing': [
    'key',
    () => 'there is no private key: send the one that the certificate was requested with',
  ],
  'keys-several': ['key', ({ count }) => `there are ${count} private keys: send the server's only`],
  'key-encrypted': [
    'key',
    () =>
      'the private key has a passphrase, which nobody could type when nginx starts: take it off with openssl pkey -in KEY -out PLAIN',
  ],
  'key-unreadable': ['key', ({ why }) => `the private key cannot be read (${why}): copy it anew`],
  'key-does-not-fit': [
    'key',
    ({ certificates }) =>
      `the private key belongs to none of the certificates (${certificates.map(label).join('; ')}): send the key that this certificate was requested with`,
  ],
  'key-kind': [
    'certificate',
    ({ which, found }) =>
      `${label(which)} has a key of the kind ${found}, which docker and containerd do not take: request one with ECDSA P-256 or RSA 2048`,
  ],
  'key-weak': [
    'certificate',
    ({ which, found, allowed }) =>
      `${label(which)} has a key of ${found}, and clients take ${allowed}: request it anew with such a key`,
  ],
  'signature-weak': [
    'certificate',
    ({ which, algorithm }) =>
      `${label(which)} is signed with ${algorithm}, which clients refuse: have it issued anew with SHA-256`,
  ],
  expired: [
    'certificate',
    ({ which, end }) => `${label(which)} ended at ${second(end)}: send the one that replaces it`,
  ],
  'not-yet-valid': [
    'certificate',
    ({ which, start, now }) =>
      `${label(which)} begins at ${second(start)}, and here it is ${second(now)}: wait, or put right the clock that is wrong`,
  ],
  'no-names': [
    'certificate',
    ({ which }) =>
      `${label(which)} has no host or address among its subjectAltName, and clients look nowhere else: have it issued with "DNS:…" or "IP:…"`,
  ],
  'not-for-servers': [
    'certificate',
    ({ which }) =>
      `${label(which)} is not meant for servers: have it issued with the extended key usage serverAuth`,
  ],
  'issuer-missing': [
    'certificate',
    ({ which, issuer }) =>
      `${label(which)} was issued by "${issuer}", which is not among the certificates and no public root: add that one, and its issuers up to the root`,
  ],
  'issuer-is-no-authority': [
    'certificate',
    ({ which, issued }) =>
      `${label(which)} has signed ${label(issued)}, but is no authority (basicConstraints, keyUsage or key identifier say otherwise), so clients refuse it: have it issued by an authority`,
  ],
  'openssl-refuses': [
    'certificate',
    ({ why }) => `OpenSSL takes no server with this certificate and key: ${why}`,
  ],
  'request-unknown': [
    'request',
    ({ id }) =>
      `there is no certificate request ${JSON.stringify(id)}: GET certificates/requests lists those that there are`,
  ],
  'other-request': [
    'certificate',
    ({ id, certificates }) =>
      `none of the certificates (${certificates.map(label).join('; ')}) was issued for the request ${id}: its key is another; name the request that it answers, or upload it with its key`,
  ],
  'acme-directory-invalid': [
    'acme',
    ({ url }) => `${JSON.stringify(url)} is no ACME directory: write its URL, which begins with https://`,
  ],
  'acme-unreachable': [
    'acme',
    ({ url, why }) =>
      `the ACME server did not answer at ${url} (${why}): look at its URL, the way there, and the CA that it needs`,
  ],
  'acme-refused': [
    'acme',
    ({ step, type, detail }) => `the ACME server does not take ${step}: ${detail} (${type})`,
  ],
  'acme-answer-unexpected': [
    'acme',
    ({ url, why }) => `what ${url} answers is none of ACME's answers (${why}): look at the directory's URL`,
  ],
  'acme-no-http-01': [
    'acme',
    ({ name, offered }) =>
      `for ${name} the ACME server wants another proof than HTTP-01 (${offered.join(', ') || 'none'}), which is the only one that the box can give`,
  ],
  'acme-challenge-failed': [
    'acme',
    ({ name, detail }) =>
      `the ACME server did not find the box behind ${name}: ${detail}; http://${name}/.well-known/acme-challenge/ must reach the box on port 80`,
  ],
  'acme-account-needed': [
    'acme',
    ({ url }) =>
      `${url} serves its customers only: send externalAccount, the key id and HMAC key that it has given you`,
  ],
  'acme-timeout': [
    'acme',
    ({ step, seconds }) =>
      `the ACME server has not finished ${step} within ${seconds} seconds: try again later`,
  ],
  'own-ca-key-missing': [
    'box',
    ({ certificateFile, keyFile }) =>
      `${certificateFile} is there, its key ${keyFile} is not: put the key back from a backup, or move ${certificateFile} away for a new CA, which every client then has to install`,
  ],
  'own-ca-unreadable': [
    'box',
    ({ file, why }) =>
      `${file} cannot be read (${why}): put it back from a backup, or move ca.pem and ca.key away for a new CA, which every client then has to install`,
  ],
  'own-ca-key-does-not-fit': [
    'box',
    ({ certificateFile, keyFile }) =>
      `${keyFile} is not the key of ${certificateFile}: put both back from one backup, or move both away for a new CA, which every client then has to install`,
  ],
}

const NOUNS = { certificate: 'certificate', key: 'private key' } as const

/** A certificate as a sentence names it. */
export function label({ number, subject }: WhichCertificate): string {
  return `certificate ${number} (${subject})`
}

function second(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** Something about a certificate that is not taken, in words for the person who sent it. */
export class CertificateRefused<R extends CertificateRefusal = CertificateRefusal> extends Error {
  readonly kind: R
  readonly detail: Details[R]
  readonly field: RefusedField

  constructor(kind: R, detail: Details[R], options?: ErrorOptions) {
    const [field, sentence] = ROWS[kind]
    super(sentence(detail), options)
    this.kind = kind
    this.detail = detail
    this.field = typeof field === 'string' ? field : field(detail)
  }
}

/** Whether it is this refusal. */
export function isRefused<R extends CertificateRefusal>(
  error: unknown,
  kind: R,
): error is CertificateRefused<R> {
  return error instanceof CertificateRefused && error.kind === kind
}
