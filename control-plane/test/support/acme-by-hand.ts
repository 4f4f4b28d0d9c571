import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'

import { AUTHORITY, CompanyPki, type Issued, server } from '../front/company-pki.js'

/** How it behaves; a test changes it while it runs. */
export interface Behaviour {
  challenge: 'looked at' | 'refused'
  order: 'taken' | 'rejected' | 'rejected at length' | 'made invalid' | 'sent elsewhere'
  account: 'any' | 'known customers'
  /** Waits before it issues. */
  gate: Promise<void>
}

interface Order {
  readonly names: readonly string[]
  status: 'pending' | 'ready' | 'valid' | 'invalid'
  certificate: string
}

const ERROR = 'urn:ietf:params:acme:error:'

/** An ACME server that does as a test tells it, good or bad; whether a client is right, pebble says elsewhere. */
export class AcmeByHand {
  readonly behaviour: Behaviour = {
    ...{ challenge: 'looked at', order: 'taken', account: 'any', gate: Promise.resolve() },
  }
  readonly #pki = new CompanyPki()
  readonly #root: Issued = this.#pki.issue('/CN=Test ACME Root', { extensions: AUTHORITY })
  readonly #own = this.#pki.issue('/CN=acme', { issuer: this.#root, extensions: server('IP:127.0.0.1') })
  readonly #orders: Order[] = []
  readonly #server = createServer({ cert: this.#own.certificate, key: this.#own.key })
  readonly #accounts = new Set<string>()
  readonly #challenges: string
  #nonces = 0

  /** `challenges` is the folder that nginx would serve. */
  constructor(challenges: string) {
    this.#challenges = challenges
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
  }

  async start(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return this
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
    this.#pki.remove()
  }

  get directory(): string {
    return `${this.#base}/dir`
  }

  /** PEM of whom its own certificate is. */
  get ca(): string {
    return this.#root.certificate
  }

  /** How many orders were made. */
  get orders(): number {
    return this.#orders.length
  }

  get #base(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await text(request)
    const [, what = '', number = '0'] = (request.url ?? '').split('/')
    response.setHeader('replay-nonce', `nonce-${++this.#nonces}`)
    if (what === 'dir') return this.#send(response, 200, this.#directoryBody())
    if (what === 'nonce') return this.#send(response, 200, {})
    const { payload, key } = readJws(sent)
    if (what === 'account') return this.#account(response, payload, key)
    if (what === 'order' && payload !== '') return this.#newOrder(response, payload)
    const order = this.#orders[Number(number)]
    if (order === undefined) return this.#problem(response, 404, 'malformed', 'no such order')
    if (what === 'challenge') this.#look(order, number)
    if (what === 'finalize') await this.#issue(order, payload)
    if (what === 'certificate') return void response.end(order.certificate)
    this.#send(
      response,
      200,
      what === 'authorization' ? this.#authorization(order, number) : this.#order(order, number),
    )
  }

  #directoryBody(): object {
    return {
      ...{
        newNonce: `${this.#base}/nonce`,
        newAccount: `${this.#base}/account`,
        newOrder: `${this.#base}/order`,
      },
      meta: {
        termsOfService: 'https://acme.example/terms',
        externalAccountRequired: this.behaviour.account === 'known customers',
      },
    }
  }

  #account(response: ServerResponse, payload: string, key: string): void {
    const body = JSON.parse(payload) as Record<string, unknown>
    if (body['onlyReturnExisting'] === true && !this.#accounts.has(key))
      return this.#problem(response, 400, 'accountDoesNotExist', 'nobody has this key')
    if (this.behaviour.account === 'known customers' && !this.#accounts.has(key)) {
      const binding = body['externalAccountBinding'] as { readonly protected: string } | undefined
      const head = Buffer.from(binding?.protected ?? '', 'base64url').toString()
      if (!head.includes('customer-7'))
        return this.#problem(response, 401, 'unauthorized', 'this customer is not known')
    }
    this.#accounts.add(key)
    response.setHeader('location', `${this.#base}/account/1`)
    this.#send(response, 200, { status: 'valid', contact: body['contact'] ?? [] })
  }

  #newOrder(response: ServerResponse, payload: string): void {
    if (this.behaviour.order === 'rejected')
      return this.#problem(response, 403, 'rejectedIdentifier', 'policy forbids this name')
    if (this.behaviour.order === 'rejected at length')
      return this.#problem(response, 403, 'rejectedIdentifier', 'no\0 '.repeat(100_000))
    const { identifiers } = JSON.parse(payload) as {
      readonly identifiers: readonly { readonly value: string }[]
    }
    this.#orders.push({ names: identifiers.map(({ value }) => value), status: 'pending', certificate: '' })
    const number = String(this.#orders.length - 1)
    const base = this.behaviour.order === 'sent elsewhere' ? 'http://127.0.0.1:1' : this.#base
    response.setHeader('location', `${base}/order/${number}`)
    this.#send(response, 201, this.#order(this.#orders.at(-1), number))
  }

  #look(order: Order, number: string): void {
    const isThere = existsSync(path.join(this.#challenges, `token-${number}`))
    order.status = isThere && this.behaviour.challenge === 'looked at' ? 'ready' : 'invalid'
  }

  async #issue(order: Order, payload: string): Promise<void> {
    const { csr } = JSON.parse(payload) as { readonly csr: string }
    await this.behaviour.gate
    if (this.behaviour.order === 'made invalid') {
      order.status = 'invalid'
      return
    }
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr, 'base64url').toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    const names = order.names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`))
    order.certificate = this.#pki.sign(pem, { issuer: this.#root, extensions: server(...names), days: 90 })
    order.status = new X509Certificate(order.certificate).subject === 'none' ? 'invalid' : 'valid'
  }

  #order(order: Order | undefined, number: string): object {
    return {
      ...{ status: order?.status, authorizations: [`${this.#base}/authorization/${number}`] },
      finalize: `${this.#base}/finalize/${number}`,
      ...(order?.status === 'valid' && { certificate: `${this.#base}/certificate/${number}` }),
      ...(order?.status === 'invalid' && {
        error: { type: `${ERROR}badCSR`, detail: 'the request has a key that was seen before' },
      }),
    }
  }

  #authorization({ status, names }: Order, number: string): object {
    const error = { type: `${ERROR}connection`, detail: 'Connection refused' }
    return {
      ...{ status: status === 'ready' ? 'valid' : status, identifier: { value: names[0] } },
      challenges: [
        {
          ...{ type: 'http-01', url: `${this.#base}/challenge/${number}`, token: `token-${number}` },
          ...(status === 'invalid' && { error }),
        },
      ],
    }
  }

  #problem(response: ServerResponse, status: number, kind: string, detail: string): void {
    this.#send(response, status, { type: `${ERROR}${kind}`, detail })
  }

  #send(response: ServerResponse, status: number, body: object): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

function readJws(sent: string): { readonly payload: string; readonly key: string } {
  const body = JSON.parse(sent) as { readonly protected: string; readonly payload: string }
  const decode = (part: string): string => Buffer.from(part, 'base64url').toString()
  const { jwk } = JSON.parse(decode(body.protected)) as { readonly jwk?: object }
  return { payload: decode(body.payload), key: JSON.stringify(jwk ?? {}) }
}
