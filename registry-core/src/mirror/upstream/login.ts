import { BoundedMap } from '../../system/bounded-map.js'
import { Flights } from '../flights.js'
import type { UpstreamSettings } from '../mirror-settings.js'
import { type Challenge, parseChallenges } from './challenge.js'
import type { Credential } from './credentials.js'
import { fetchToken, type Token, type TokenQuestion } from './token.js'
import { drain, type Wire, type WireAnswer } from './wire.js'

/** How requests to an upstream show who asks. */
export interface Login {
  /** What a request carries. @throws UpstreamFailure when a token is needed and there is none */
  authorize(question: LoginQuestion): Promise<Ticket>
  /** After a 401: what it carries the second time; undefined when there is nothing better. */
  renew(question: LoginQuestion, refused: Ticket, answer: WireAnswer): Promise<Ticket | undefined>
}

export interface LoginQuestion {
  /** One of the upstream's URLs. */
  readonly base: URL
  /** `repository:library/alpine:pull`. */
  readonly scope: string
  /** As nobody, although there is an account. */
  readonly isAnonymous: boolean
  readonly signal: AbortSignal
}

export interface Ticket {
  readonly authorization: string | undefined
  /** It was made for this very request: another one would be no better. */
  readonly isNew: boolean
}

/** So many tokens are kept: names that nobody has are asked for too. */
const KEPT_TOKENS = 4096

interface Options {
  readonly wire: Wire
  readonly settings: UpstreamSettings
  readonly credential: () => Credential | undefined
  /** Ends what no request waits for any more. */
  readonly closing: AbortSignal
}

export function openLogin(options: Options): Login {
  return new UpstreamLogin(options)
}

class UpstreamLogin implements Login {
  readonly #options: Options
  /** What each URL of the upstream wants, as it said last. */
  readonly #challenges = new Map<string, readonly Challenge[]>()
  readonly #pings: Flights<readonly Challenge[]>
  /** The one that was not used for longest comes first. */
  readonly #tokens = new BoundedMap<Token>(KEPT_TOKENS)
  readonly #fetches: Flights<Token>
  #credential: Credential | undefined

  constructor(options: Options) {
    this.#options = options
    this.#pings = new Flights({ clock: options.wire.clock })
    this.#fetches = new Flights({ clock: options.wire.clock })
  }

  async authorize(question: LoginQuestion): Promise<Ticket> {
    const { href } = question.base
    const known = this.#challenges.get(href)
    const challenges =
      known ?? (await this.#pings.wait(href, question.signal, () => this.#ping(question.base)))
    return this.#ticket(question, challenges, question.scope)
  }

  async renew(question: LoginQuestion, refused: Ticket, answer: WireAnswer): Promise<Ticket | undefined> {
    const challenges = parseChallenges(answer.header('www-authenticate'))
    if (challenges.length === 0) return undefined
    this.#challenges.set(question.base.href, challenges)
    // Asked for this very thing, it knows best what the token must be for.
    const named = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters.get('scope')
    const scope = named === undefined || named === '' ? question.scope : named
    const key = keyOf(question)
    // Somebody else may have renewed it meanwhile.
    const kept = this.#tokens.get(key)
    if (kept !== undefined && kept.authorization === refused.authorization) {
      this.#tokens.delete(key)
      if (refused.isNew && scope === question.scope) return undefined
    }
    const ticket = await this.#ticket(question, challenges, scope)
    return ticket.authorization === refused.authorization ? undefined : ticket
  }

  /** Asked first, so that each thing is asked for once only: with what it needs. */
  async #ping(base: URL): Promise<readonly Challenge[]> {
    const { wire, closing } = this.#options
    const answer = await wire.ask({
      method: 'GET',
      url: new URL(`${base.pathname.replace(/\/$/, '')}/v2/`, base),
      headers: {},
      authorization: undefined,
      signal: closing,
    })
    await drain(wire, answer)
    const wanted = answer.status === 401 && answer.isFromAsked
    const challenges = wanted ? parseChallenges(answer.header('www-authenticate')) : []
    if (answer.status < 500 && answer.status !== 429) this.#challenges.set(base.href, challenges)
    return challenges
  }

  async #ticket(question: LoginQuestion, challenges: readonly Challenge[], scope: string): Promise<Ticket> {
    const credential = question.isAnonymous ? undefined : this.#currentCredential()
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
    if (bearer !== undefined)
      return this.#bearer(question, { base: question.base, challenge: bearer, scope, credential })
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic')
    return { authorization: isBasic ? credential?.authorization : undefined, isNew: true }
  }

  async #bearer(question: LoginQuestion, wanted: Omit<TokenQuestion, 'signal'>): Promise<Ticket> {
    const { wire, settings, closing } = this.#options
    const key = keyOf(question)
    const kept = this.#tokens.get(key)
    if (kept !== undefined && kept.untilMs > wire.clock.elapsedMs()) {
      this.#tokens.set(key, kept)
      return { authorization: kept.authorization, isNew: false }
    }
    const { authorization } = await this.#fetches.wait(key, question.signal, async () => {
      const token = await fetchToken(wire, settings, { ...wanted, signal: closing })
      this.#tokens.set(key, token)
      return token
    })
    return { authorization, isNew: true }
  }

  /** Tokens of an account whose password was changed are not used any more. */
  #currentCredential(): Credential | undefined {
    const credential = this.#options.credential()
    if (credential !== this.#credential) this.#tokens.clear()
    this.#credential = credential
    return credential
  }
}

function keyOf({ base, scope, isAnonymous }: LoginQuestion): string {
  return `${isAnonymous ? 'nobody' : 'account'} ${base.href} ${scope}`
}
