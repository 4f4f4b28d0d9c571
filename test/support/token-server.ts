import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

import { systemClock } from '#core/system/clock.js'
import { type Certificates, makeCertificates } from './certificates.js'

const ISSUER = 'token server of the tests'
const SERVICE = 'registry of the tests'

/** What a name may do to every repository, by the actions that a token names; its password is the name and `-password`. */
const PEOPLE: Readonly<Record<string, readonly string[]>> = {
  owner: ['pull', 'push', 'delete', '*'],
  team: ['pull'],
}

/** A server of Distribution's token protocol, as people run one beside their registries: it signs what somebody may. */
export class TokenServer {
  readonly #certificates: Certificates
  readonly #server: Server

  private constructor(certificates: Certificates, server: Server) {
    this.#certificates = certificates
    this.#server = server
    server.on('request', (request, response) => this.#answer(request, response))
  }

  /** Keeps its keys in a folder, and listens on a free port of 127.0.0.1. */
  static async start(folder: string): Promise<TokenServer> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TokenServer(await makeCertificates(folder), server)
  }

  /** What a registry that believes it has under `auth.token`. */
  get settings(): Readonly<Record<string, string>> {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('a token server without a port')
    return {
      realm: `http://127.0.0.1:${address.port}/token`,
      service: SERVICE,
      issuer: ISSUER,
      rootcertbundle: this.#certificates.caFile,
    }
  }

  /** A token for some scopes, as in `repository:team/app:pull,push`: what of them that name may. */
  tokenFor(name: string, scopes: readonly string[], expiresInSeconds = 60): string {
    const now = Math.floor(systemClock.now().getTime() / 1000)
    const access = scopes.map((scope) => {
      const [type = '', ...parts] = scope.split(':')
      const actions = (parts.pop() ?? '').split(',').filter((action) => PEOPLE[name]?.includes(action))
      return { type, name: parts.join(':'), actions }
    })
    const times = { iat: now, nbf: now - 10, exp: now + expiresInSeconds }
    const claims = { iss: ISSUER, aud: SERVICE, sub: name, jti: String(now), ...times, access }
    const { certificate, key } = this.#certificates
    const x5c = [new X509Certificate(readFileSync(certificate)).raw.toString('base64')]
    const text = [{ typ: 'JWT', alg: 'ES256', x5c }, claims].map(encoded).join('.')
    const signingKey = { key: createPrivateKey(readFileSync(key)), dsaEncoding: 'ieee-p1363' } as const
    return `${text}.${sign('sha256', Buffer.from(text), signingKey).toString('base64url')}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** `GET /token` only, as most of them: clients that try the OAuth2 form first come back. */
  #answer({ method, url = '/', headers }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET') return void response.writeHead(405).end()
    const [, credentials = ''] = headers.authorization?.split(' ') ?? []
    const [name = '', password] = Buffer.from(credentials, 'base64').toString().split(':')
    if (credentials !== '' && (PEOPLE[name] === undefined || password !== `${name}-password`))
      return void response.writeHead(401).end('{"details":"incorrect username or password"}')
    const scopes = new URL(url, 'http://localhost').searchParams.getAll('scope')
    const token = this.tokenFor(name, scopes.flatMap((scope) => scope.split(' ')).filter(Boolean))
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ token, expires_in: 60 }))
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
