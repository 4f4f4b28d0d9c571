import type { UpstreamSettings } from '../mirror-settings.js'
import type { Challenge } from './challenge.js'
import type { Credential } from './credentials.js'
import { trustOfRealm } from './realm.js'
import { findJson, propertyOf, readSmall } from './small-body.js'
import { answerFailure } from './answer-failure.js'
import { UpstreamFailure } from './upstream-failure.js'
import { discard, type Wire, type WireAnswer } from './wire.js'

/** A token of a registry's token service (Distribution's token authentication specification). */
export interface Token {
  readonly authorization: string
  /** On the clock's elapsed time: from then on it is not used any more. */
  readonly untilMs: number
}

export interface TokenQuestion {
  /** The upstream that wants the token. */
  readonly base: URL
  readonly challenge: Challenge
  readonly scope: string
  /** Undefined: as nobody. */
  readonly credential: Credential | undefined
  readonly signal: AbortSignal
}

const TOKEN_LIMIT_BYTES = 256 * 1024
/** Of a token whose service does not say (the specification's default), and the most that is believed. */
const [DEFAULT_SECONDS, MOST_SECONDS] = [60, 3600]
/** A token that has less left than this may end on its way. */
const MARGIN_MS = 10_000
const TOKEN_TEXT = /^[\x21-\x7e]+$/

/** @throws UpstreamFailure, `unauthorized` when there is no token to be had */
export async function fetchToken(
  wire: Wire,
  settings: Pick<UpstreamSettings, 'host' | 'realms'>,
  question: TokenQuestion,
): Promise<Token> {
  const { base, challenge, credential } = question
  const realm = URL.parse(challenge.parameters.get('realm') ?? '')
  const trust = realm === null ? 'refused' : trustOfRealm(realm, base, settings.realms)
  if (realm === null || trust === 'refused')
    throw new UpstreamFailure(
      'unauthorized',
      `${base.host} sends to ${placeOf(realm)} for a token, which is not asked: it must be https, or of the upstream's own host`,
    )
  const service = challenge.parameters.get('service')
  if (service !== undefined) realm.searchParams.set('service', service)
  if (question.scope !== '') realm.searchParams.set('scope', question.scope)
  realm.hash = ''
  const isShown = trust === 'credential' && credential !== undefined
  const startMs = wire.clock.elapsedMs()
  const answer = await wire.ask({
    method: 'GET',
    url: realm,
    headers: { accept: 'application/json' },
    authorization: isShown ? credential.authorization : undefined,
    signal: question.signal,
  })
  const hint =
    credential !== undefined && !isShown
      ? `; the account of ${settings.host} was not shown to it: if it may see it, set realms: [${realm.host}]`
      : ''
  if (answer.status !== 200) throw refusal(wire, answer, { isShown, hint })
  return readToken(await readSmall(wire, answer, TOKEN_LIMIT_BYTES), realm, startMs)
}

function refusal(
  wire: Wire,
  answer: WireAnswer,
  { isShown, hint }: { readonly isShown: boolean; readonly hint: string },
): UpstreamFailure {
  discard(answer)
  const { status, url } = answer
  if (status !== 401 && status !== 403 && status !== 400 && status !== 404)
    return answerFailure(answer, 'a token', wire.clock)
  const why = isShown ? 'look at username and password' : `it gives none to strangers${hint}`
  return new UpstreamFailure(
    'unauthorized',
    `the token service ${url.host} answered ${status}, so there is no token: ${why}`,
    { status },
  )
}

function readToken(bytes: Buffer, realm: URL, startMs: number): Token {
  const json = findJson(bytes)
  const text = [propertyOf(json, 'token'), propertyOf(json, 'access_token')].find(
    (one) => typeof one === 'string' && TOKEN_TEXT.test(one),
  )
  if (typeof text !== 'string')
    throw new UpstreamFailure('unauthorized', `the token service ${realm.host} answered without a token`)
  const said = propertyOf(json, 'expires_in')
  const seconds = typeof said === 'number' && said > 0 ? Math.min(said, MOST_SECONDS) : DEFAULT_SECONDS
  return { authorization: `Bearer ${text}`, untilMs: startMs + lastsMs(seconds * 1000) }
}

/** Short-lived tokens keep half of their time. */
function lastsMs(ms: number): number {
  return Math.max(ms - MARGIN_MS, ms / 2)
}

function placeOf(realm: URL | null): string {
  return realm === null ? 'a place that is not a URL' : `${realm.protocol}//${realm.host}`
}
