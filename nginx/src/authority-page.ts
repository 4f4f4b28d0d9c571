import { X509Certificate } from 'node:crypto'

import { type DirectiveValue, directiveValue, SettingRefused } from './directive-value.js'

/** What the page of the authority says. */
export type AuthorityPageView = {
  /** Of the whole certificate, as openssl prints it. */
  readonly sha256: DirectiveValue
  /** Its last day. */
  readonly until: DirectiveValue
}

/** The authority's certificate as it is offered, and the page about it. Throws SettingRefused unless it is one alone. */
export function readAuthority(pem: string): { readonly pem: string; readonly page: AuthorityPageView } {
  const certificate = findCertificate(pem)
  const isAlone = pem.match(/-----BEGIN /g)?.length === 1
  if (!certificate?.ca || !isAlone)
    throw new SettingRefused('authority', 'not shown', 'one certificate of an authority, as PEM')
  return {
    // As Node writes it anew: nothing that stood around it.
    pem: certificate.toString(),
    page: {
      sha256: directiveValue('authority', certificate.fingerprint256),
      until: directiveValue('authority', new Date(certificate.validTo).toISOString().slice(0, 10)),
    },
  }
}

function findCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
