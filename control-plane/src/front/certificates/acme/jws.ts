import { createHash, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** What a request to an ACME server is signed for (RFC 8555, 6.2). */
export interface SignedFor {
  readonly url: string
  readonly nonce: string
  /** The account's URL; undefined for the one request that makes the account. */
  readonly account: string | undefined
}

/** A body as flattened JWS, signed with ES256; the empty text reads (POST-as-GET). */
export function signedBody(key: KeyObject, { url, nonce, account }: SignedFor, payload: object | ''): string {
  const who = account === undefined ? { jwk: publicJwk(key) } : { kid: account }
  const head = base64url(JSON.stringify({ alg: 'ES256', ...who, nonce, url }))
  const body = payload === '' ? '' : base64url(JSON.stringify(payload))
  // As the two numbers of RFC 7518, 3.4, and not as DER.
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
  return JSON.stringify({ protected: head, payload: body, signature: signature.toString('base64url') })
}

/** An account that a person has with an authority already (RFC 8555, 7.3.4). */
export interface ExternalAccount {
  readonly keyId: string
  /** As the authority shows it: base64url. */
  readonly hmacKey: string
}

/** Ties the key of our account to that other one; signed with HS256. */
export function externalAccountBinding(key: KeyObject, url: string, external: ExternalAccount): object {
  const head = base64url(JSON.stringify({ alg: 'HS256', kid: external.keyId, url }))
  const body = base64url(JSON.stringify(publicJwk(key)))
  const hmac = createHmac('sha256', Buffer.from(external.hmacKey, 'base64url')).update(`${head}.${body}`)
  return { protected: head, payload: body, signature: hmac.digest('base64url') }
}

/** What a server wants to find at a challenge's token (RFC 8555, 8.1). */
export function keyAuthorization(token: string, key: KeyObject): string {
  return `${token}.${thumbprint(key)}`
}

/** RFC 7638: the members that are needed, in the order of their names, without spaces. */
export function thumbprint(key: KeyObject): string {
  return createHash('sha256')
    .update(JSON.stringify(publicJwk(key)))
    .digest('base64url')
}

function publicJwk(key: KeyObject): object {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
