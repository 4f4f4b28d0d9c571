import type { KeyObject } from 'node:crypto'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import type { z } from 'zod'

import type { Clock } from '../../../system/clock.js'
import { CertificateRefused, isRefused } from '../certificate-refused.js'
import { accountAnswer, cutWords, type Directory, directoryAnswer, problemAnswer } from './answers.js'
import { type ExternalAccount, externalAccountBinding, signedBody } from './jws.js'

/** An account at an ACME server. */
export interface AcmeServer {
  /** Of its directory. */
  readonly directoryUrl: string
  /** PEM of the authority that signed the server's own certificate, where the system does not know it. */
  readonly directoryCa?: string
  /** P-256; who has it is the account. */
  readonly accountKey: KeyObject
  /** Where the authority writes to before a certificate ends. */
  readonly contactMail?: string
  /** Needed once, by authorities that know their customers otherwise: when the account is made. */
  readonly externalAccount?: ExternalAccount
  readonly clock: Pick<Clock, 'elapsedMs' | 'sleep'>
  readonly signal: AbortSignal
}

/** An answer whose body was read. */
export interface AcmeAnswer {
  readonly url: string
  readonly text: string
  readonly location: string | undefined
  /** When to ask again, as the server says. */
  readonly retryAfterMs: number | undefined
}

interface RawAnswer extends AcmeAnswer {
  readonly status: number
}

/** Servers throw nonces away as they like (RFC 8555, 6.5): so often in a row is no chance any more. */
const NONCE_ATTEMPTS = 10
const TIMEOUT_MS = 30_000
const LIMIT_BYTES = 1024 * 1024
const NO_ACCOUNT = 'urn:ietf:params:acme:error:accountDoesNotExist'
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce'

/** Requests to one ACME server, each signed and with a nonce of its own. */
export class AcmeSession {
  readonly #server: AcmeServer
  readonly #dispatcher: Dispatcher
  readonly #directory: Directory
  #account: string | undefined
  #nonce: string | undefined

  private constructor(server: AcmeServer, dispatcher: Dispatcher, directory: Directory) {
    this.#server = server
    this.#dispatcher = dispatcher
    this.#directory = directory
  }

  /**
   * Reads the directory, and makes the account or finds it again.
   * @throws CertificateRefused
   */
  static async open(server: AcmeServer): Promise<AcmeSession> {
    const { directoryUrl, directoryCa } = server
    if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:')
      throw new CertificateRefused('acme-directory-invalid', { url: directoryUrl })
    const connect = directoryCa === undefined ? {} : { ca: directoryCa }
    const dispatcher = new EnvHttpProxyAgent({ connect, requestTls: connect, allowH2: false })
    try {
      const found = await send({ url: directoryUrl, method: 'GET', server, dispatcher })
      const session = new AcmeSession(server, dispatcher, parseAnswer(found, directoryAnswer))
      await session.#openAccount()
      return session
    } catch (error) {
      await dispatcher.destroy()
      throw error
    }
  }

  /** Where orders are made. */
  get newOrder(): string {
    return this.#directory.newOrder
  }

  /** What whoever uses the server agrees to; undefined when it asks for nothing. */
  get terms(): string | undefined {
    return this.#directory.meta.termsOfService
  }

  /** Sends a body; the empty text reads. */
  async post(step: string, url: string, payload: object | ''): Promise<AcmeAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const nonce = await this.#takeNonce()
      const { accountKey } = this.#server
      const body = signedBody(accountKey, { url, nonce, account: this.#account }, payload)
      const answer = await this.#send(url, 'POST', body)
      if (answer.status < 400) return answer
      const problem = problemOf(answer)
      if (problem.type === BAD_NONCE && attempt < NONCE_ATTEMPTS) continue
      throw new CertificateRefused('acme-refused', { step, ...problem })
    }
  }

  /** The same, with an answer of a known shape. */
  async postFor<S extends z.ZodType>(
    step: string,
    url: string,
    payload: object | '',
    schema: S,
  ): Promise<AcmeAnswer & { readonly value: z.output<S> }> {
    const answer = await this.post(step, url, payload)
    return { ...answer, value: parseAnswer(answer, schema) }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  /** Found by its key; made when there is none (RFC 8555, 7.3). */
  async #openAccount(): Promise<void> {
    const { contactMail } = this.#server
    const url = this.#directory.newAccount
    const contact = contactMail === undefined ? [] : [`mailto:${contactMail}`]
    const found = (await this.#findAccount()) ?? (await this.#makeAccount(contact))
    if (found.location === undefined) throw unexpected(url, 'it names no account')
    this.#account = found.location
    const { contact: told } = parseAnswer(found, accountAnswer)
    if (contact.length > 0 && !contact.every((one) => told.includes(one)))
      await this.post('the contact', found.location, { contact })
  }

  async #findAccount(): Promise<AcmeAnswer | undefined> {
    try {
      return await this.post('the account', this.#directory.newAccount, { onlyReturnExisting: true })
    } catch (error) {
      if (isRefused(error, 'acme-refused') && error.detail.type === NO_ACCOUNT) return undefined
      throw error
    }
  }

  async #makeAccount(contact: readonly string[]): Promise<AcmeAnswer> {
    const { newAccount: url, meta } = this.#directory
    const { accountKey, externalAccount, directoryUrl } = this.#server
    if (meta.externalAccountRequired === true && externalAccount === undefined)
      throw new CertificateRefused('acme-account-needed', { url: directoryUrl })
    return this.post('the account', url, {
      termsOfServiceAgreed: true,
      ...(contact.length > 0 && { contact }),
      ...(externalAccount && {
        externalAccountBinding: externalAccountBinding(accountKey, url, externalAccount),
      }),
    })
  }

  async #takeNonce(): Promise<string> {
    if (this.#nonce === undefined) await this.#send(this.#directory.newNonce, 'HEAD')
    const nonce = this.#nonce
    if (nonce === undefined) throw unexpected(this.#directory.newNonce, 'it has no Replay-Nonce')
    this.#nonce = undefined
    return nonce
  }

  async #send(url: string, method: 'HEAD' | 'POST', body?: string): Promise<RawAnswer> {
    const sent = { url, method, server: this.#server, dispatcher: this.#dispatcher }
    const answer = await send({ ...sent, ...(body !== undefined && { body }) })
    this.#nonce = answer.nonce ?? this.#nonce
    return answer
  }
}

interface Sent {
  readonly url: string
  readonly method: Dispatcher.HttpMethod
  readonly server: AcmeServer
  readonly dispatcher: Dispatcher
  readonly body?: string
}

async function send({
  url,
  method,
  server,
  dispatcher,
  body,
}: Sent): Promise<RawAnswer & { nonce?: string }> {
  try {
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(url, {
      method,
      dispatcher,
      signal: server.signal,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      headers: {
        'user-agent': 'entrepot',
        ...(body !== undefined && { 'content-type': 'application/jose+json' }),
      },
      ...(body !== undefined && { body }),
    })
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) {
      text += String(chunk)
      if (text.length > LIMIT_BYTES) throw unexpected(url, `it is larger than ${LIMIT_BYTES} bytes`)
    }
    const [nonce, location] = [one(headers['replay-nonce']), one(headers['location'])]
    const status = { url, text, status: statusCode, retryAfterMs: secondsOf(one(headers['retry-after'])) }
    return {
      ...status,
      ...(nonce !== undefined && { nonce }),
      location: location === undefined ? undefined : placeOf(location, url),
    }
  } catch (error) {
    server.signal.throwIfAborted()
    if (error instanceof CertificateRefused) throw error
    const why = cutWords(Error.isError(error) ? error.message || String(error) : String(error))
    throw new CertificateRefused('acme-unreachable', { url, why }, { cause: error })
  }
}

/** As elsewhere in its answers: over https or not at all. */
function placeOf(location: string, url: string): string {
  const { href, protocol } = new URL(location, url)
  if (protocol !== 'https:') throw unexpected(url, 'its Location does not begin with https://')
  return href
}

function parseAnswer<S extends z.ZodType>({ url, text }: AcmeAnswer, schema: S): z.output<S> {
  const parsed = schema.safeParse(findJson(text))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw unexpected(url, issue === undefined ? 'no JSON' : `${issue.path.join('.')}: ${issue.message}`)
}

function problemOf({ text, status }: RawAnswer): { readonly type: string; readonly detail: string } {
  const parsed = problemAnswer.safeParse(findJson(text))
  return parsed.success && parsed.data.detail !== ''
    ? parsed.data
    : { type: `HTTP status ${status}`, detail: cutWords(text.slice(0, 200)) || 'it says nothing more' }
}

function findJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unexpected(url: string, why: string): CertificateRefused {
  return new CertificateRefused('acme-answer-unexpected', { url, why })
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

/** A date is for those who wait for hours. */
function secondsOf(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined
}
