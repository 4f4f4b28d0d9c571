import { z } from 'zod'
import { choice, MAP, PORTABLE_PATH } from './values.js'

/** The suites that registry:2 lets be chosen, as Go names them, with the names that OpenSSL has for them. */
const CIPHER_SUITES = {
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
} as const

const SUITES = `a list of names out of ${Object.keys(CIPHER_SUITES).join(', ')}`

/** `http.tls`: as in registry:2 an empty certificate means no TLS. */
export const tls = z
  .strictObject(
    {
      certificate: z
        .string(PORTABLE_PATH)
        .meta({
          description: "The server's certificate, then its issuers, as PEM; read again when it changes.",
        })
        .prefault(''),
      key: z.string(PORTABLE_PATH).meta({ description: 'Its private key, as PEM.' }).prefault(''),
      clientcas: z
        .array(z.string(PORTABLE_PATH).min(1, PORTABLE_PATH), 'a list of paths of files')
        .meta({ description: 'Only clients with a certificate of one of these authorities get in.' })
        .prefault([]),
      minimumtls: choice(
        ['tls1.0', 'tls1.1', 'tls1.2', 'tls1.3'],
        'The oldest version that is spoken; never below 1.2.',
      ).prefault('tls1.2'),
      ciphersuites: z
        .array(z.string().refine(isSuite, SUITES).transform(toOpenssl), SUITES)
        .meta({ description: 'What may be spoken in TLS 1.2, as Go names it.' })
        .prefault([]),
    },
    MAP,
  )
  .refine(({ certificate, key }) => (certificate === '') === (key === ''), {
    message: 'certificate and key together',
  })
  .refine(({ certificate, clientcas }) => certificate !== '' || clientcas.length === 0, {
    message: 'clientcas together with certificate and key, since only TLS asks clients for certificates',
  })

type Suite = keyof typeof CIPHER_SUITES

function isSuite(name: string): name is Suite {
  return Object.hasOwn(CIPHER_SUITES, name)
}

function toOpenssl(name: string): string {
  return isSuite(name) ? CIPHER_SUITES[name] : name
}
