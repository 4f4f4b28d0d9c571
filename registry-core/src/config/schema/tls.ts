import { z } from 'zod'
import { CIPHER_SUITES } from '../cipher-suites.js'
import { choice, MAP, PORTABLE_PATH } from './values.js'

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
