import { z } from 'zod'
import { boolean, MAP, PORTABLE_PATH, text, texts } from './values.js'

const FORM = 'a printable text'
const PRINTABLE = /^[\x20-\x7e]+$/
const ALGORITHM = 'a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA'

const htpasswd = z.strictObject(
  {
    realm: text('What a login is asked for.', FORM, PRINTABLE),
    path: text(
      'The file of users, with bcrypt hashes (htpasswd -B); read again when it changes.',
      PORTABLE_PATH,
    ),
  },
  MAP,
)

const token = z
  .strictObject(
    {
      realm: text('The address of the token server.', FORM, PRINTABLE).optional(),
      service: text('What this registry is called in its tokens.', FORM, PRINTABLE),
      issuer: text('What the token server calls itself in its tokens.'),
      rootcertbundle: text(
        'PEM certificates: their keys, and chains that lead to them, sign tokens.',
        PORTABLE_PATH,
      ).optional(),
      jwks: text('A file with a JSON Web Key Set: its keys sign tokens.', PORTABLE_PATH).optional(),
      signingalgorithms: texts(
        'The algorithms that may have signed a token; when missing, all of them.',
        ALGORITHM,
        /^(?:[RPE]S(?:256|384|512)|EdDSA)$/,
      ).optional(),
      autoredirect: boolean('The realm is on the host that the client asked, by https.').prefault(false),
      autoredirectpath: text('The path of the realm there.', 'a path', /^\/[\x21\x23-\x7e]*$/).prefault(
        '/auth/token',
      ),
    },
    MAP,
  )
  .refine(({ realm, autoredirect }) => realm !== undefined || autoredirect, {
    message: 'with a realm, or with autoredirect: true',
  })
  .refine(({ rootcertbundle, jwks }) => rootcertbundle !== undefined || jwks !== undefined, {
    message: 'with rootcertbundle or jwks: without keys no token counts',
  })

/** `auth`: who can log in, as registry:2 has it. */
export const auth = z.strictObject({ htpasswd: htpasswd.optional(), token: token.optional() }, MAP)
