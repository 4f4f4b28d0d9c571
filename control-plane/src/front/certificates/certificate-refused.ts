/** What a person may be told about certificates: a closed list. Each kind has its detail and its sentence. */
interface Details {
  'name-invalid': { readonly name: string; readonly why: string }
  'names-empty': object
  'own-ca-key-missing': { readonly certificateFile: string; readonly keyFile: string }
  'own-ca-unreadable': { readonly file: string; readonly why: string }
  'own-ca-key-does-not-fit': { readonly certificateFile: string; readonly keyFile: string }
}

/** The key of one thing that is refused. */
export type CertificateRefusal = keyof Details

/** What the sentence of a refusal needs to know. */
export type CertificateRefusalDetail<R extends CertificateRefusal> = Details[R]

/** The part of a request that a person changes to be accepted; `box` is a file of this machine, no request. */
export type RefusedField = 'names' | 'box'

const FIELDS: { readonly [R in CertificateRefusal]: RefusedField } = {
  'name-invalid': 'names',
  'names-empty': 'names',
  'own-ca-key-missing': 'box',
  'own-ca-unreadable': 'box',
  'own-ca-key-does-not-fit': 'box',
}

const SENTENCES: { readonly [R in CertificateRefusal]: (detail: Details[R]) => string } = {
  'name-invalid': ({ name, why }) => `${JSON.stringify(name)} cannot stand in a certificate: ${why}`,
  'names-empty': () => 'a certificate needs at least one name: the host name or address that clients type',
  'own-ca-key-missing': ({ certificateFile, keyFile }) =>
    `${certificateFile} is there, its key ${keyFile} is not: put the key back from a backup, or move ${certificateFile} away for a new CA, which every client then has to install`,
  'own-ca-unreadable': ({ file, why }) =>
    `${file} cannot be read (${why}): put it back from a backup, or move ca.pem and ca.key away for a new CA, which every client then has to install`,
  'own-ca-key-does-not-fit': ({ certificateFile, keyFile }) =>
    `${keyFile} is not the key of ${certificateFile}: put both back from one backup, or move both away for a new CA, which every client then has to install`,
}

/** Something about a certificate that is not taken, in words for the person who sent it. */
export class CertificateRefused<R extends CertificateRefusal = CertificateRefusal> extends Error {
  readonly kind: R
  readonly detail: Details[R]
  readonly field: RefusedField

  constructor(kind: R, detail: Details[R], options?: ErrorOptions) {
    super(SENTENCES[kind](detail), options)
    this.kind = kind
    this.detail = detail
    this.field = FIELDS[kind]
  }
}
