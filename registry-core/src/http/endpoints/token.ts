import { areEmpty, parseBasic, splitAuthorization } from '../../access/authorization.js'
import type { Credentials } from '../../access/logins.js'
import type { ResourceActions } from '../../access/token-scope.js'
import type { TokenGranted } from '../../access/open-access.js'
import { isRegistryError, RegistryError } from '../../oci/failure.js'
import { type Answer, json } from '../answer.js'
import type { Context, Endpoint } from '../context.js'
import { parseTokenForm } from '../token-form.js'

const FORM = 'application/x-www-form-urlencoded'
const FORM_LIMIT_BYTES = 64 * 1024

/** GET /token: Distribution's token protocol; without a name, a token for what anybody may. */
export const getToken: Endpoint<'token'> = ({ form }, context) =>
  answerWith(context, form.scopes, credentialsOf(context))

/** POST /token: its OAuth2 form, which BuildKit tries first. */
export const postToken: Endpoint<'token'> = async (_call, context) => {
  const type = context.headers['content-type']?.split(';', 1).join('').trim().toLowerCase()
  if (type !== FORM) throw new RegistryError('token-request-invalid', { why: `its body is no ${FORM}` })
  const bytes = await context.body.collect(
    FORM_LIMIT_BYTES,
    () => new RegistryError('body-too-large', { limitBytes: FORM_LIMIT_BYTES }),
  )
  const { grantType, name, password, scopes } = parseTokenForm(bytes.toString('utf8'))
  if (grantType === 'refresh_token')
    throw new RegistryError('token-request-invalid', {
      why: 'no refresh tokens are made here; send grant_type=password, or GET with Basic credentials',
    })
  if (grantType !== 'password' || name === undefined || password === undefined)
    throw new RegistryError('token-request-invalid', {
      why: 'it needs grant_type=password with username and password',
    })
  const credentials = { name, password }
  return answerWith(context, scopes, areEmpty(credentials) ? undefined : credentials)
}

/** Undefined for whoever says no name. @throws RegistryError `login-failed` for what is not Basic */
function credentialsOf({ headers: { authorization } }: Context): Credentials | undefined {
  if (authorization === undefined) return undefined
  const { scheme, value } = splitAuthorization(authorization)
  if (scheme !== 'basic') throw new RegistryError('login-failed', {})
  const credentials = parseBasic(value)
  return areEmpty(credentials) ? undefined : credentials
}

async function answerWith(
  context: Context,
  scopes: readonly ResourceActions[],
  credentials: Credentials | undefined,
): Promise<Answer> {
  const granted = await issue(context, scopes, credentials)
  if (granted === undefined) throw new RegistryError('endpoint-unknown', { path: '/token' })
  const { token, expiresInSeconds, issuedAt, access } = granted
  return {
    status: 200,
    headers: { 'Cache-Control': 'no-store' },
    body: json({
      ...{ token, access_token: token, expires_in: expiresInSeconds, issued_at: issuedAt.toISOString() },
      scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' '),
    }),
  }
}

/** On a mirror a login that is not ours is dropped, and nobody's token given: daemons send the one of Docker Hub. */
async function issue(
  { parts, from, place }: Context,
  scopes: readonly ResourceActions[],
  credentials: Credentials | undefined,
): Promise<TokenGranted | undefined> {
  try {
    return await parts.access.issueToken({ scopes, credentials, from })
  } catch (error) {
    if (place.kind === 'registry' || credentials === undefined || !isRegistryError(error)) throw error
    parts.strays.droppedLogins += 1
    return parts.access.issueToken({ scopes, credentials: undefined, from })
  }
}
