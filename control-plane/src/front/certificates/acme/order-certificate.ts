import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { z } from 'zod'

import { CertificateRefused, isRefused } from '../certificate-refused.js'
import { type CertificateName, isAddress } from '../names.js'
import { signRequest } from '../x509.js'
import { AcmeSession, type AcmeServer } from './acme-session.js'
import { type Authorization, authorizationAnswer, type Order, orderAnswer } from './answers.js'
import type { Challenges } from './challenge-folder.js'
import { keyAuthorization } from './jws.js'
import type { KeptOrders } from './kept-order.js'

/** A certificate to be had from an ACME server. */
export interface AcmeWish {
  readonly server: AcmeServer
  readonly names: readonly CertificateName[]
  readonly challenges: Challenges
  /** Where an order stands until its certificate is in force; the caller drops it then. */
  readonly orders: KeptOrders
}

/** What an authority gave, not looked at yet. */
export interface OrderedCertificate {
  readonly pem: string
  readonly keyPem: string
}

/** Servers that validate from several places take some seconds; after so long somebody is to be told. */
const LIMIT_MS = 5 * 60_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
/** It becomes the name of a file (RFC 8555, 8.3: base64url only). */
const TOKEN = /^[A-Za-z0-9_-]{1,200}$/

/**
 * Shows the authority that the names are ours (HTTP-01), and has it issue a certificate for a new key.
 * @throws CertificateRefused
 */
export async function orderCertificate(wish: AcmeWish): Promise<OrderedCertificate> {
  const { server, names } = wish
  const wildcard = names.find((name) => name.startsWith('*.'))
  if (wildcard !== undefined)
    throw new CertificateRefused('name-invalid', {
      name: wildcard,
      why: 'over HTTP an authority can be shown single names only',
    })
  const session = await AcmeSession.open(server)
  try {
    return await new Ordering(session, wish).order(names)
  } finally {
    await session.close()
  }
}

class Ordering {
  readonly #session: AcmeSession
  readonly #wish: AcmeWish
  readonly #deadlineMs: number

  constructor(session: AcmeSession, wish: AcmeWish) {
    this.#session = session
    this.#wish = wish
    this.#deadlineMs = wish.server.clock.elapsedMs() + LIMIT_MS
  }

  /** Goes on with what was begun; what can no more be had is begun again. */
  async order(names: readonly CertificateName[]): Promise<OrderedCertificate> {
    const { orders } = this.#wish
    const kept = await orders.find()
    if (kept !== undefined) {
      try {
        return await this.#finish(names, kept)
      } catch (error) {
        if (!isOver(error)) throw error
        await orders.drop()
      }
    }
    try {
      return await this.#finish(names, await this.#begin(names))
    } catch (error) {
      if (isOver(error)) await orders.drop()
      throw error
    }
  }

  async #begin(names: readonly CertificateName[]) {
    const identifiers = names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value }))
    const url = this.#session.newOrder
    const made = await this.#session.postFor('the order', url, { identifiers }, orderAnswer)
    if (made.location === undefined)
      throw new CertificateRefused('acme-answer-unexpected', { url, why: 'it names no order' })
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const order = { url: made.location, keyPem }
    await this.#wish.orders.keep(order)
    return order
  }

  async #finish(
    names: readonly CertificateName[],
    { url, keyPem }: { readonly url: string; readonly keyPem: string },
  ): Promise<OrderedCertificate> {
    const { value: order } = await this.#session.postFor('the order', url, '', orderAnswer)
    if (order.status === 'invalid') throw failed(order.error)
    if (order.status === 'pending')
      for (const authorization of order.authorizations) await this.#authorize(authorization)
    const ready = await this.#poll('the order', url, orderAnswer, isReady)
    if (ready.status === 'ready') {
      const csr = await requestFor(names, createPrivateKey(keyPem))
      await this.#session.post('the request', ready.finalize, { csr })
    }
    const { certificate } = await this.#poll('the certificate', url, orderAnswer, isIssued)
    const { text } = await this.#session.post('the certificate', certificate ?? url, '')
    return { pem: text, keyPem }
  }

  async #authorize(url: string): Promise<void> {
    const { value } = await this.#session.postFor('a name', url, '', authorizationAnswer)
    if (value.status === 'valid') return // shown before: servers remember
    const { value: name } = value.identifier
    const challenge = value.challenges.find(({ type }) => type === 'http-01')
    if (challenge?.token === undefined || !TOKEN.test(challenge.token)) {
      const offered = value.challenges.map(({ type }) => type)
      throw new CertificateRefused('acme-no-http-01', { name, offered })
    }
    const { token } = challenge
    const { challenges, server } = this.#wish
    try {
      await challenges.put(token, keyAuthorization(token, server.accountKey))
      await this.#session.post(`the challenge for ${name}`, challenge.url, {})
      await this.#poll(`the challenge for ${name}`, url, authorizationAnswer, isShown)
    } finally {
      await challenges.remove(token)
    }
  }

  /** Asks until it is done, as seldom as the server wants. */
  async #poll<S extends z.ZodType>(
    step: string,
    url: string,
    schema: S,
    isDone: (value: z.output<S>) => boolean,
  ): Promise<z.output<S>> {
    const { clock, signal } = this.#wish.server
    for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
      const { value, retryAfterMs } = await this.#session.postFor(step, url, '', schema)
      if (isDone(value)) return value
      const pauseMs = Math.min(retryAfterMs ?? waitMs, LONGEST_WAIT_MS)
      if (clock.elapsedMs() + pauseMs > this.#deadlineMs)
        throw new CertificateRefused('acme-timeout', { step, seconds: LIMIT_MS / 1000 })
      await clock.sleep(pauseMs, signal)
    }
  }
}

/** DER without the frame. No common name: some authorities take an address there for a host. */
async function requestFor(names: readonly CertificateName[], key: KeyObject): Promise<string> {
  const pem = await signRequest({ names, key, publicKey: createPublicKey(key) })
  const base64 = pem.replaceAll(/-----.*-----|\s/g, '')
  return Buffer.from(base64, 'base64').toString('base64url')
}

/** Whether nothing more comes of an order; a server that is away, or slow, is asked about it again. */
function isOver(error: unknown): boolean {
  return (
    error instanceof CertificateRefused &&
    !isRefused(error, 'acme-unreachable') &&
    !isRefused(error, 'acme-timeout')
  )
}

function isReady({ status, error }: Order): boolean {
  if (status === 'invalid') throw failed(error)
  return status !== 'pending' // somebody who was killed may have sent the request already
}

function isIssued({ status, error, certificate }: Order): boolean {
  if (status === 'invalid') throw failed(error)
  return status === 'valid' && certificate !== undefined
}

function isShown({ status, identifier, challenges }: Authorization): boolean {
  if (status === 'valid') return true
  if (status === 'pending') return false
  const error = challenges.find((one) => one.error !== undefined)?.error
  const detail = error === undefined ? `the authorization is ${status}` : `${error.detail} (${error.type})`
  throw new CertificateRefused('acme-challenge-failed', { name: identifier.value, detail })
}

function failed(error: Order['error']): CertificateRefused {
  const problem = error ?? { type: 'invalid', detail: 'it does not say why' }
  return new CertificateRefused('acme-refused', { step: 'the order', ...problem })
}
